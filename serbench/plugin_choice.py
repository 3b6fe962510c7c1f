"""Which of the installed plugins are loaded: the variables of the environment that limit them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DISABLE_VARIABLE = "SERBENCH_DISABLE_PLUGINS"

NO_PLUGINS_VARIABLE = "SERBENCH_NO_PLUGINS"
"""Set to anything except "" and "0", only the built-in plugins are loaded."""


def disabled_plugins() -> frozenset[str]:
    """The names in ``SERBENCH_DISABLE_PLUGINS``, which are separated by commas."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def built_in_only() -> bool:
    """Whether the plugins of other packages are left out, in this process and those it starts."""
    return os.environ.get(NO_PLUGINS_VARIABLE, "") not in ("", "0")


def installed_folders() -> list[str]:
    """The folders of ``sys.path`` in which plugins are looked for.

    The current folder is none of them: Python adds it for ``python -m``, and whoever wrote a file
    into it has not thereby installed a plugin.
    """
    try:
        current = str(Path.cwd().resolve())
    except OSError:  # it was deleted
        current = ""
    return [each for each in sys.path if each and str(Path(each).resolve()) != current]
