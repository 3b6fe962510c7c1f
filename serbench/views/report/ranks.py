"""The critical-difference diagram: mean ranks of entries, joined where they do not differ."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from serbench.errors import StorageError, UsageError
from serbench.score.mean_ranks import LEVEL, MeanRanks
from serbench.views.paper_table import PaperComparison
from serbench.views.report.rows import wrapped
from serbench.views.report.style import WIDTH, style

SUFFIXES = (".png", ".svg", ".pdf")

LINE = 0.14
"""Height of a line of text in inches."""

ABOVE = 0.75
"""Height of the part above the axis in inches."""

BAR = 0.13
"""Height of a clique's bar in inches."""

SIDE = 2.35
"""Width of the text on each side in inches."""

LONGEST = 28
"""Longest line of a name."""


def write_diagram(found: PaperComparison, path: Path) -> None:
    """Draw the diagram into a file.

    Args:
        found: the comparison.
        path: a PNG, SVG or PDF file; the same comparison gives the same bytes.

    Raises:
        UsageError: the suffix is none of these, or there are fewer than three entries or fewer
            than two test speakers.
        StorageError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: a diagram is written as {', '.join(SUFFIXES)}: give a name with one of these "
            "endings",
            path=path,
        )
    ranked = found.mean_ranks
    if ranked is None:
        raise UsageError(
            "a critical-difference diagram needs at least three entries and two test speakers: "
            "name more entries, or remove --diagram",
            entries=len(found.rows),
        )
    labels = [found.rows[place].label for place in ranked.order]
    metadata = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}.get(
        suffix, {"CreationDate": None, "Creator": None, "Producer": None}
    )
    try:
        with style():
            draw_ranks(ranked, labels).savefig(path, format=suffix[1:], metadata=metadata)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror})") from error


def draw_ranks(ranked: MeanRanks, labels: Sequence[str]) -> Figure:
    """The diagram, within ``style()``: the best entry on the right, as in Demšar's figures.

    Args:
        ranked: the mean ranks.
        labels: names of the entries, best mean rank first.
    """
    count = len(ranked.ranks)
    low, high = floor(ranked.ranks[0]), ceil(ranked.ranks[-1])
    high = max(high, low + ceil(ranked.critical or 1))
    half = ceil(count / 2)
    names = [wrapped(label.replace(" (", "\n(", 1), LONGEST) for label in labels]
    row = LINE * max(name.count("\n") + 1 for name in names) + 0.08
    bars, above = BAR * (len(ranked.cliques) + 1), ABOVE
    height = above + bars + row * (half + 0.25)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)

    def x(rank: float) -> float:
        return SIDE + (high - rank) / (high - low) * (WIDTH - 2 * SIDE)

    axes.plot([x(low), x(high)], [above, above], color="black", linewidth=1)
    for tick in range(low, high + 1):
        axes.plot([x(tick)] * 2, [above - 0.06, above], color="black", linewidth=1)
        axes.text(x(tick), above - 0.09, str(tick), ha="center", va="bottom", fontsize=8)
    _draw_critical(axes, ranked, x(low), x(low) - x(low + 1))
    for number, (first, last) in enumerate(ranked.cliques, start=1):
        ends = [x(ranked.ranks[first]) + 0.03, x(ranked.ranks[last]) - 0.03]
        axes.plot(ends, [above + BAR * number] * 2, color="black", linewidth=3.2)
    for place, (rank, name) in enumerate(zip(ranked.ranks, names, strict=True)):
        best = place < half
        line = place if best else count - 1 - place
        y = above + bars + row * (line + 0.5)
        side = WIDTH - SIDE + 0.1 if best else SIDE - 0.1
        axes.plot([x(rank), x(rank), side], [above, y, y], color="black", linewidth=0.7)
        align, sign = ("left", 1) if best else ("right", -1)
        for text, away in ((f"{rank:.2f}", 0.04), (name, 0.42)):
            axes.text(side + sign * away, y, text, ha=align, va="center", fontsize=8)
    return figure


def _draw_critical(axes: Axes, ranked: MeanRanks, right: float, inches: float) -> None:
    """The critical difference as a line above the axis, or the result of the tests as text."""
    if ranked.critical is None:
        text = (
            f"Friedman's test finds no difference (p = {ranked.p:.2g})"
            if ranked.p >= LEVEL
            else "joined: no difference by Wilcoxon's test with Holm's correction"
        )
        axes.text(WIDTH / 2, 0.32, text, ha="center", va="center", fontsize=8)
        return
    left = right - ranked.critical * inches
    axes.plot([left, right], [0.32, 0.32], color="black", linewidth=1)
    for end in (left, right):
        axes.plot([end, end], [0.27, 0.37], color="black", linewidth=1)
    text = f"critical difference {ranked.critical:.2f}"
    axes.text((left + right) / 2, 0.24, text, ha="center", va="bottom", fontsize=8)
