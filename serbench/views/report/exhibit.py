"""An exhibit: a figure with its data, a table for readers, and a caption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from serbench.views.report.table import Records


@dataclass(frozen=True)
class Exhibit:
    """One exhibit of a report.

    Attributes:
        name: of its files, without suffix.
        title: a few words.
        caption: what is shown, of what, in which unit, and where printed figures come from.
        data: the numbers that are drawn, and those beside them.
        body: what the report shows below the figure, in Markdown.
        draw: makes the figure, within ``style()``; None where there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    data: Records
    body: str
    draw: Callable[[], Figure] | None
