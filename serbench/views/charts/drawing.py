"""Charts as forms with data: the specification of a form is built once for all of its charts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeAlias

import altair as alt

from serbench.views.charts.style import LIGHT, Theme

Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""The data of a chart: plain values by field."""


@dataclass(frozen=True)
class Drawing:
    """A chart.

    Attributes:
        form: its specification in Vega-Lite with names in place of data, and without its title;
            charts of one form share it, so that it must not be changed.
        title: its title, as a specification has it.
        datasets: name → data.
    """

    form: Mapping[str, Any]
    title: Mapping[str, Any]
    datasets: Mapping[str, Rows]

    def to_dict(self) -> dict[str, Any]:
        """The whole specification."""
        datasets = {name: [dict(row) for row in rows] for name, rows in self.datasets.items()}
        title = {"title": self.title} if self.title else {}
        return {"$schema": alt.SCHEMA_URL, **self.form, **title, "datasets": datasets}


Build = Callable[..., alt.Chart | alt.LayerChart | alt.ConcatChart | alt.HConcatChart]


def form(build: Build) -> Callable[..., dict[str, Any]]:
    """Build the specification of a form of charts once for each combination of arguments.

    Altair takes ten milliseconds for a chart, and a site has thousands, which differ in their data.
    """

    @lru_cache(maxsize=1000)
    @wraps(build)
    def specification(*structure: Hashable) -> dict[str, Any]:
        found: dict[str, Any] = build(*structure).to_dict(validate=False)
        return {name: part for name, part in found.items() if name not in ("config", "$schema")}

    return specification


def named(name: str) -> dict[str, str]:
    """The data of this name, which a `Drawing` has."""
    return {"name": name}


def drawn(
    chart: alt.LayerChart | alt.VConcatChart, title: Mapping[str, Any] | None = None
) -> Drawing:
    """A chart that contains its data, as a drawing; by default with its own title."""
    found = chart.to_dict()
    own = found.pop("title", {})
    for name in ("config", "$schema"):
        found.pop(name, None)
    return Drawing(found, title or own, found.pop("datasets", {}))


def styled(chart: Drawing, theme: Theme = LIGHT, background: str | None = None) -> dict[str, Any]:
    """The specification of a chart in the colours of a theme, to be saved or shown by itself.

    Args:
        chart: a chart of this package, or several of them side by side.
        theme: colours of the chart.
        background: colour behind it, such as ``transparent``; by default that of the theme.
    """
    return {**chart.to_dict(), "config": theme.config(background or theme.background)}


def data(rows: Rows) -> dict[str, Any]:
    """The data of a chart, as part of it; a tuple, which Altair copies much faster than a list."""
    return {"values": tuple(rows)}
