"""An exhibit: a figure with its data, a table and a caption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from serbench.views.report.table import Records


@dataclass(frozen=True)
class Exhibit:
    """One exhibit of a report.

    Attributes:
        name: name of its files, without suffix.
        title: heading of its section.
        caption: what is shown, the unit, and the source of published figures.
        data: the numbers in the figure, and related ones.
        body: text and tables below the figure, in Markdown.
        draw: makes the figure, within ``style()``; None where there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    data: Records
    body: str
    draw: Callable[[], Figure] | None
