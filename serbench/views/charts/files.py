"""Charts as files: PNG and SVG, and HTML that opens from a disk without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import altair as alt

from serbench.errors import MissingPackageError, UsageError
from serbench.views.charts.drawing import Drawing, styled
from serbench.views.charts.style import LIGHT, Theme

FORMATS = (".png", ".svg", ".html")

SCALE = 2
"""Pixels of a PNG file for each pixel of the chart."""

SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""What a page takes from the library."""

EMBEDDING = {
    "renderer": "svg",
    "actions": {"export": True, "source": False, "compiled": False, "editor": False},
}
"""The options of Vega-Embed: texts are texts, and the menu has no link to a server."""


def write_chart(chart: Drawing, file: Path, title: str, theme: Theme = LIGHT) -> None:
    """Write a chart in the format of the file's ending.

    Args:
        chart: a chart of this package, or several of them together.
        file: PNG, SVG or HTML; an existing file is replaced.
        title: title of an HTML page.
        theme: colours of the chart.

    Raises:
        UsageError: the ending is another one, or the file cannot be written.
        MissingPackageError: vl-convert, which draws without a browser, is not installed.
    """
    ending = file.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            f"{file} has the ending of no picture: choose a name that ends with "
            f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
            file=file,
        )
    specification = styled(chart, theme)
    content = _drawn(specification, ending, title, theme)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror})", file=file) from error


def _drawn(specification: dict[str, Any], ending: str, title: str, theme: Theme) -> bytes:
    try:
        import jinja2
        import vl_convert
    except ImportError as error:
        raise MissingPackageError(
            f"pictures need {error.name}: pip install vl-convert-python jinja2, or '.[site]' in a "
            "checkout",
            package=error.name,
        ) from error
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    if ending == ".png":
        return vl_convert.vegalite_to_png(specification, vl_version=version, scale=SCALE)
    if ending == ".svg":
        return vl_convert.vegalite_to_svg(specification, vl_version=version).encode()
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True).from_string(template)
    return page.render(
        title=title,
        theme=theme,
        library=vl_convert.javascript_bundle(SNIPPET, vl_version=version),
        specification=specification,
        options=EMBEDDING,
    ).encode()
