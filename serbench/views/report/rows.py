"""Bar charts with a labelled row for each entry or model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import isnan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from serbench.views.report.style import COLOURS, GREY, TINTS

LONGEST_LINE = 34
"""Greatest number of characters in a line of a label."""

FILLED = 0.78
"""Share of a row's height that its bars take."""


def wrapped(label: str, longest: int = LONGEST_LINE) -> str:
    """A label with lines of at most ``longest`` characters, so that the chart is wide enough."""
    lines = (textwrap.wrap(line, longest) for line in label.split("\n"))
    return "\n".join(part for parts in lines for part in parts)


def rows_height(labels: Sequence[str], least: float = 0.36) -> float:
    """Height of all rows in inches, so that labels do not overlap."""
    lines = max(wrapped(label).count("\n") + 1 for label in labels)
    return len(labels) * max(least, 0.17 * lines + 0.1)


def row_axes(axes: Axes, labels: Sequence[str], n_bars: int) -> list[float]:
    """Make the y axis a list of labelled rows, the first one on top.

    Returns:
        Distance of the middle of each of ``n_bars`` bars from the middle of its row.
    """
    axes.set_yticks(range(len(labels)), [wrapped(label) for label in labels], linespacing=1.3)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x")
    for edge in range(1, len(labels)):
        axes.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.6, zorder=0)
    return [(number - (n_bars - 1) / 2) * FILLED / n_bars for number in range(n_bars)]


def bar(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[float],
    n_bars: int,
    number: int,
    full: bool = False,
) -> None:
    """Draw one bar at each place in colour ``number``; a row has ``n_bars`` bars."""
    colour, tint = COLOURS[number % len(COLOURS)], TINTS[number % len(TINTS)]
    face = colour if full else tint
    axes.barh(places, values, 0.94 * FILLED / n_bars, color=face, edgecolor=colour, linewidth=0.8)


def bar_key(number: int, full: bool = False) -> Patch:
    """The legend symbol of a bar."""
    colour, tint = COLOURS[number % len(COLOURS)], TINTS[number % len(TINTS)]
    return Patch(facecolor=colour if full else tint, edgecolor=colour, linewidth=0.8)


INTERVAL_MARK: dict[str, Any] = {"color": "black", "linewidth": 1.1, "marker": "|", "markersize": 5}
"""The look of a 95 % interval in figure and legend."""


def mark_interval(axes: Axes, place: float, value: float, ends: tuple[float, float] | None) -> None:
    """Draw the 95 % interval of a share over its bar; nothing where there is none."""
    if ends is not None and not isnan(value):
        axes.plot([100 * end for end in ends], [place] * 2, zorder=4, **INTERVAL_MARK)


def mark_printed(axes: Axes, value: float, place: float) -> None:
    """Draw a diamond at the paper's value."""
    axes.plot(value, place, "D", color="black", markersize=4.5, markeredgecolor="white", zorder=6)


def percent_axis(axes: Axes, chance: float, step: int = 20) -> Line2D:
    """Make the x axis 0 to 100 %, with a tick every ``step``.

    Returns:
        The line at chance level.
    """
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, step))
    return axes.axvline(100 * chance, color=GREY, linestyle=(0, (1, 1.5)), linewidth=1.3, zorder=3)
