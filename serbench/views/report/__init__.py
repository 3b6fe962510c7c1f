"""Reports from the database: figures, tables and a Markdown page.

Raises:
    SerbenchError: on import, where matplotlib is not installed.
"""

from serbench.errors import SerbenchError

try:
    import matplotlib  # noqa: F401
except ImportError as error:
    raise SerbenchError(
        "figures need matplotlib: pip install matplotlib, or '.[report]' in a checkout"
    ) from error
