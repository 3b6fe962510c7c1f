"""Charts on pages: each specification is a file of its own, which many pages share.

A page contains only the data of its charts, so that two hundred pages with ten charts each stay
small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serbench.errors import MissingPackageError
from serbench.views.charts import DARK, LIGHT, Drawing
from serbench.views.charts.drawing import Rows
from serbench.views.charts.files import SNIPPET

FOLDER = "assets/charts"
"""Where the specifications are, seen from the root of the site."""


DIGITS = 5
"""So many digits of a number are enough for a chart; the files with data have all of them."""


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
    def description(self) -> str:
        """What it shows, for those who do not see it."""
        lines = [self.title.get("text", ""), *self.title.get("subtitle", ())]
        return "; ".join(filter(None, lines))

    @property
    def content(self) -> dict[str, Any]:
        """What the page contains of it: its title, and of its data the fields and their values."""
        return {"title": self.title, "data": {name: _table(r) for name, r in self.data.items()}}

    @property
    def name(self) -> str:
        """The hash of the specification."""
        return hashlib.sha256(self.specification.encode()).hexdigest()[:12]

    @property
    def path(self) -> str:
        """The file of the specification, seen from the root of the site."""
        return f"{FOLDER}/{self.name}.js"

    @property
    def script(self) -> str:
        """The content of that file."""
        return f"(self.serbenchCharts ??= {{}})[{json.dumps(self.name)}] = {self.specification};\n"


def figure(chart: Drawing | None) -> list[Figure]:
    """A chart as a figure; none where there is nothing to draw."""
    if chart is None:
        return []
    return [Figure(chart.title, _compact(chart.form), chart.datasets)]


def _table(rows: Rows) -> list[list[Any]]:
    """The fields of the rows, and then the values of each row, numbers with five digits."""
    fields = list(dict.fromkeys(field for row in rows for field in row))
    return [fields, *([_short(row.get(field)) for field in fields] for row in rows)]


def _short(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


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
