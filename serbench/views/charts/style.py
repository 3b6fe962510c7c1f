"""What all charts have in common: themes, scales and titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from serbench.search.importance import is_logarithmic

WIDTH, HEIGHT = 560, 320
"""Width and height of a chart in pixels."""

STEP = 24
"""Height of a row of a chart with one row for each thing, in pixels."""

LEGIBLE = 40
"""Largest number of rows of a chart that have room for names."""

BOUNDARY = 2 / 3
"""Share of the largest value at which black and white are equally legible on a ramp."""


@dataclass(frozen=True)
class Theme:
    """The colours of a chart.

    The series are those of Okabe and Ito (2008) that have enough contrast with the background.

    Attributes:
        name: ``light`` or ``dark``.
        background: colour behind the chart.
        text: colour of titles and labels.
        muted: colour of axes, intervals and what is not in the foreground.
        grid: colour of grid lines.
        series: colours of series, in their order.
        ramp: colours of a scale from 0 to the largest value.
        contrast: colours of texts on the ramp, below and above `BOUNDARY`.
    """

    name: str
    background: str
    text: str
    muted: str
    grid: str
    series: tuple[str, ...]
    ramp: tuple[str, ...]
    contrast: tuple[str, str]

    def config(self, background: str = "transparent") -> dict[str, Any]:
        """The configuration of Vega-Lite with these colours.

        Args:
            background: colour behind the chart; by default that of the page around it.
        """
        label = {"labelColor": self.text, "titleColor": self.text}
        muted = {"color": self.muted}
        return {
            "background": background,
            "font": "sans-serif",
            "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": HEIGHT},
            "axis": {
                **label,
                "domainColor": self.muted,
                "tickColor": self.muted,
                "gridColor": self.grid,
                "titleFontWeight": "normal",
                "labelFontSize": 11,
                "titleFontSize": 12,
                "labelLimit": 240,
            },
            "legend": {
                **label,
                "titleFontWeight": "normal",
                "labelFontSize": 11,
                "titleFontSize": 12,
                "labelLimit": 240,
                "orient": "bottom",
            },
            "header": {**label, "titleFontWeight": "normal", "labelFontSize": 12},
            "title": {
                "color": self.text,
                "subtitleColor": self.text,
                "anchor": "start",
                "frame": "group",
                "fontSize": 14,
                "subtitleFontSize": 11,
                "offset": 12,
            },
            "mark": {"color": self.series[0]},
            "point": {"size": 70},
            "rule": muted,
            "text": {"color": self.text, "fontSize": 11},
            "style": {
                "muted": muted,
                "first": {"color": self.series[0]},
                "second": {"color": self.series[1]},
                "plain": {"color": self.text},
                "low": {"color": self.contrast[0]},
                "high": {"color": self.contrast[1]},
            },
            "range": {
                "category": list(self.series),
                "heatmap": list(self.ramp),
                "ramp": list(self.ramp),
            },
        }


LIGHT = Theme(
    name="light",
    background="#ffffff",
    text="#1f1f1f",
    muted="#6f6f6f",
    grid="#e4e4e4",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#6f6f6f", "#e69f00", "#56b4e9"),
    ramp=("#f5f8fb", "#a8cbe4", "#2b7bb3", "#00446d"),
    contrast=("#000000", "#ffffff"),
)
DARK = Theme(
    name="dark",
    background="#16181c",
    text="#ececec",
    muted="#a0a0a0",
    grid="#34373d",
    series=("#56b4e9", "#e69f00", "#2fc39a", "#e59ac4", "#a0a0a0", "#f0e442", "#ef7f3a"),
    ramp=("#1d2126", "#1d4664", "#2b7bb3", "#b4dcf5"),
    contrast=("#ffffff", "#000000"),
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}
"""Name of a theme → theme."""


def share_axis(title: str, **options: Any) -> alt.Axis:
    """An axis of shares in per cent."""
    return alt.Axis(format=".0%", title=title, **options)


def titled(text: str, *notes: str | None) -> dict[str, Any]:
    """A title, and a line below it for each note that is not empty."""
    subtitle = [note for note in notes if note]
    return {"text": text, "subtitle": subtitle} if subtitle else {"text": text}


def scale_of(values: Sequence[float], margin: float = 0.06) -> alt.Scale:
    """The scale of an axis that shows all values: logarithmic if their range demands it.

    Args:
        values: one or more finite values.
        margin: free share of the axis at each end.
    """
    low, high = domain_of(values, margin)
    return alt.Scale(
        type="log" if is_logarithmic(values) else "linear", domain=[low, high], nice=False
    )


def domain_of(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """Both ends of such an axis."""
    low, high = min(values), max(values)
    if is_logarithmic(values):
        factor = (high / low) ** margin
        return low / factor, high * factor
    free = (high - low) * margin or abs(high) * margin or 1.0
    return low - free, high + free


def layered(
    *layers: alt.Chart,
    title: Mapping[str, Any] | None = None,
    width: float = WIDTH,
    height: float | alt.Step = HEIGHT,
) -> alt.LayerChart:
    """Charts on top of each other, with the same axes."""
    chart = alt.LayerChart(layer=list(layers))
    whole: alt.LayerChart = chart.properties(width=width, height=height)
    if title is not None:
        whole = whole.properties(title=alt.TitleParams(**title))
    return whole


def cells(base: alt.Chart, field: str, text: alt.Text, largest: float) -> list[alt.Chart]:
    """Texts on a ramp, which are legible on each of its colours.

    Args:
        base: the cells.
        field: the number that decides the colour.
        text: what is written.
        largest: the value at the end of the ramp.
    """
    edge = BOUNDARY * largest
    return [
        base.mark_text(style=style).encode(text=text).transform_filter(test)
        for style, test in (
            ("low", f"datum.{field} < {edge}"),
            ("high", f"datum.{field} >= {edge}"),
        )
    ]


def rows_of(count: int, field: str) -> tuple[alt.Y, float]:
    """An axis with a row for each name, in the order of the data, and its height.

    Many rows are narrow and have no names.
    """
    if count <= LEGIBLE:
        return alt.Y(f"{field}:N", sort=None, title=None), max(STEP, 16 * count)
    axis = alt.Axis(labels=False, ticks=False)
    return alt.Y(f"{field}:N", sort=None, title=f"{count} {field}s", axis=axis), 4 * count


def counting_axis(last: int, title: str) -> alt.Axis:
    """An axis of whole numbers from 1, such as those of trials."""
    step = next(each for each in STEPS if last <= 12 * each)
    values = sorted({1, *range(step, last + 1, step)})
    return alt.Axis(values=values, format="d", grid=False, title=title)


STEPS = tuple(digit * 10**power for power in range(7) for digit in (1, 2, 5))
"""Distances of numbers on an axis."""
