"""How every figure looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette (2008), which colour-blind readers can tell apart."""

TINTS = ("#8FC1DF", "#F5D28A", "#8AD1BB", "#E8C1D7", "#B5DDF5", "#EDB38A", "#F9F3B5")
"""The same colours, light enough for lines to be seen on them."""

DARK = ("#003B5C", "#7A4B00")
"""The first two colours, dark enough for lines across bars of them."""

HATCHES = ("", "//", "..", "xx", "\\\\", "++")
"""For the eighth colour and after, which would be the first again."""

GREY = "#666666"

WIDTH = 7.0
"""Inches: a page's text."""

IMAGES = "cividis"
"""A colour map that is even in lightness and safe for the colour-blind."""

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
    """Draw and save within it: matplotlib's defaults and ours, whatever the user's own are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def new_figure(height: float) -> Figure:
    """An empty figure as wide as a page's text and ``height`` inches high."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write ``path`` as PNG and as SVG, the same bytes for the same figure.

    Returns:
        the two files.
    """
    png, svg = path.with_suffix(".png"), path.with_suffix(".svg")
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return [png, svg]
