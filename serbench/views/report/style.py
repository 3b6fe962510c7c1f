"""The style of all figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette (2008), which colour-blind readers can distinguish."""

TINTS = ("#8FC1DF", "#F5D28A", "#8AD1BB", "#E8C1D7", "#B5DDF5", "#EDB38A", "#F9F3B5")
"""The same colours, light enough for lines on them to be visible."""

DARK = ("#003B5C", "#7A4B00")
"""The first two colours, dark enough for lines across their bars."""

HATCHES = ("", "//", "..", "xx", "\\\\", "++")
"""Hatches that distinguish the eighth and later bars, whose colours repeat."""

GREY = "#666666"

WIDTH = 7.0
"""Width of a page's text in inches."""

IMAGES = "cividis"
"""A perceptually uniform colour map that is suitable for colour-blind readers."""

SETTINGS: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "ytick.major.size": 0,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "serbench",
}


@contextmanager
def style() -> Iterator[None]:
    """Context for drawing and saving figures in serbench's style instead of the user's."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def new_figure(height: float) -> Figure:
    """An empty figure of the width of a page's text and ``height`` inches high."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes.

    Returns:
        The two files.
    """
    png, svg = path.with_suffix(".png"), path.with_suffix(".svg")
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return [png, svg]
