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
from serbench.views.charts.files import SNIPPET

FOLDER = "assets/charts"
"""Where the specifications are, seen from the root of the site."""


@dataclass(frozen=True)
class Figure:
    """A chart on a page.

    Attributes:
        title: what it shows, in words for those who do not see it.
        specification: the chart in Vega-Lite without its data, as JSON.
        data: the data of each name in the specification.
    """

    title: str
    specification: str
    data: Mapping[str, list[dict[str, Any]]]

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
    specification = chart.to_dict(validate=False)
    for name in ("config", "$schema"):
        specification.pop(name, None)
    data: dict[str, list[dict[str, Any]]] = {}
    datasets = specification.pop("datasets", {})
    names = {name: f"d{place}" for place, name in enumerate(datasets)}
    data = {names[name]: rows for name, rows in datasets.items()}
    return [Figure(_title(specification), _compact(_renamed(specification, names)), data)]


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """A part of a specification with other names of its data."""
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {"name": names[each["name"]]} if key == "data" else _renamed(each, names)
        for key, each in node.items()
    }


def _title(specification: Mapping[str, Any]) -> str:
    title = specification.get("title", "")
    if isinstance(title, str):
        return title
    lines = [title.get("text", ""), *title.get("subtitle", ())]
    return "; ".join(filter(None, lines))


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
