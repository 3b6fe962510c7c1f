"""Charts on pages: each specification is a file of its own, which many pages share.

A page contains only the titles and values of its charts, compressed together, so that two hundred
pages with ten charts each stay small.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import compress

from serbench.errors import MissingPackageError
from serbench.views.charts import DARK, LIGHT, Drawing
from serbench.views.charts.drawing import Rows
from serbench.views.charts.files import SNIPPET

FOLDER = "assets/charts"
"""Where the specifications are, seen from the root of the site."""

DIGITS, DIGITS_OF_SHARE = 5, 4
"""So many digits of a number, and of one below 1 such as a share, are enough for a chart.

The files with data have all of them.
"""


@dataclass(frozen=True)
class Figure:
    """A chart on a page.

    Attributes:
        title: its title, as a specification has it.
        specification: the chart in Vega-Lite without its title and its data, as JSON.
        data: the data of each name in the specification.
    """

    title: Mapping[str, Any]
    specification: str
    data: Mapping[str, Rows]

    @property
    def content(self) -> dict[str, Any]:
        """What the page contains of it: its name, its title, and the columns of its data."""
        fields = self._fields.items()
        columns = [[_column(self.data[name], field) for field in each] for name, each in fields]
        return {"chart": self.name, "title": self.title, "columns": columns}

    @cached_property
    def name(self) -> str:
        """The hash of what its file says."""
        return hashlib.sha256(self._shared.encode()).hexdigest()[:12]

    @property
    def path(self) -> str:
        """The file of the specification, seen from the root of the site."""
        return f"{FOLDER}/{self.name}.js"

    @property
    def script(self) -> str:
        """The content of that file: the specification, and the fields of each of its data."""
        return f"(self.serbenchCharts ??= {{}})[{json.dumps(self.name)}] = {self._shared};\n"

    @cached_property
    def _shared(self) -> str:
        return f'{{"specification":{self.specification},"fields":{_compact(self._fields)}}}'

    @cached_property
    def _fields(self) -> dict[str, list[str]]:
        """Name of data → the fields of its rows."""
        return {
            name: list(dict.fromkeys(field for row in rows for field in row))
            for name, rows in self.data.items()
        }


def figure(chart: Drawing | None) -> list[Figure]:
    """A chart as a figure; none where there is nothing to draw."""
    if chart is None:
        return []
    return [Figure(chart.title, _compact(chart.form), chart.datasets)]


def contents_of(figures: Sequence[Figure]) -> str:
    """What a page contains of its charts, in their order; empty without charts."""
    return packed([each.content for each in figures]) if figures else ""


def packed(data: object) -> str:
    """Data as JSON, compressed, in base 64, which `site.js` reads."""
    return b64encode(compress(_compact(data).encode(), 9)).decode()


def _column(rows: Rows, field: str) -> list[Any]:
    """The values of a field; columns are compressed better than rows."""
    return [_short(row.get(field)) for row in rows]


def _short(value: Any) -> Any:
    """A value; a number only with the digits that a chart shows."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS_OF_SHARE if abs(value) < 1 else DIGITS}g}")


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def runtime_script() -> str:
    """Vega, Vega-Lite and Vega-Embed with the colours of both themes, as one script.

    Raises:
        MissingPackageError: vl-convert is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise MissingPackageError(
            "a site needs vl-convert: pip install vl-convert-python, or '.[site]' in a checkout",
            package="vl-convert-python",
        ) from error
    themes = {theme.name: theme.config() for theme in (LIGHT, DARK)}
    return f"{vl_convert.javascript_bundle(SNIPPET)}\nself.serbenchThemes = {_compact(themes)};\n"
