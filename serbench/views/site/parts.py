"""What pages consist of: sections with paragraphs, tables, figures and code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from serbench.views.site.figures import Figure

DASH = "–"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is shown.
        value: by what the column is sorted; None sorts last. With an empty text, a column of
            numbers is sorted by the number at the start of ``text``, and a column of text by
            ``text``; a dash sorts last in both.
        link: address of a page of the site, seen from its root; empty for no link.
        meaning: a sentence for those who point at the cell; empty for none.
    """

    text: str
    value: float | str | None = ""
    link: str = ""
    meaning: str = ""

    @property
    def key(self) -> float | str | None:
        """By what the column is sorted, where the text does not show it; None where it does."""
        if self.value == "":
            return None
        return "" if self.value is None else self.value


@dataclass(frozen=True)
class Table:
    """A table of literal text.

    Attributes:
        caption: what it shows.
        columns: their names; those marked with ``>`` are numbers and aligned right.
        rows: the cells; the first one of each row is its heading.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def headings(self) -> list[tuple[str, bool]]:
        """Name of each column, and whether it holds numbers."""
        return [(column.lstrip(">"), column.startswith(">")) for column in self.columns]


@dataclass(frozen=True)
class Code:
    """Text that is typed or put into a file.

    Attributes:
        title: where it belongs.
        text: the text, of one or more lines.
    """

    title: str
    text: str


Part: TypeAlias = Table | Figure | Code


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        name: its anchor.
        heading: its heading.
        sentences: paragraphs of plain text before its parts.
        parts: what it consists of.
        links: texts and addresses of related pages, seen from the root of the site.
    """

    name: str
    heading: str
    sentences: Sequence[str] = ()
    parts: Sequence[Part] = ()
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Page:
    """A page that consists of sections.

    Attributes:
        path: address of the page, seen from the root of the site.
        title: its heading.
        lead: a sentence below the heading.
        facts: terms with their values, below it.
        sections: its sections.
        links: texts and addresses of related pages, seen from the root of the site.
    """

    path: str
    title: str
    lead: str
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()
    links: Sequence[tuple[str, str]] = ()

    @property
    def root(self) -> str:
        """The way from the page to the root of the site."""
        return "../" * self.path.count("/")


def plain(text: object) -> Cell:
    """A cell of text."""
    return Cell(str(text))


def share(value: float | None, meaning: str = "") -> Cell:
    """A share in per cent."""
    return Cell(DASH if value is None else f"{100 * value:.1f}", meaning=meaning)


def points(value: float | None) -> Cell:
    """A difference of shares in points, with its sign."""
    return Cell(DASH if value is None else f"{100 * value:+.1f}")


def interval(ends: Sequence[float] | None) -> Cell:
    """An interval of a share in per cent, which is sorted by its lower end."""
    if ends is None:
        return Cell(DASH)
    low, high = ends
    return Cell(f"{100 * low:.1f}–{100 * high:.1f}")


def number(value: float | None, digits: int = 3) -> Cell:
    """A number with so many decimals."""
    return Cell(DASH if value is None else f"{value:,.{digits}f}")


def count(value: int | None) -> Cell:
    """A whole number."""
    return Cell(DASH if value is None else f"{value:,}")


def short_count(value: int | None) -> Cell:
    """A large whole number in thousands, millions or billions."""
    if value is None:
        return Cell(DASH)
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return Cell(f"{value / size:.1f}{unit}")
    return Cell(str(value))


def counted(value: int, noun: str) -> str:
    """A number with its noun: ``1 clip``, ``2 clips``, ``3 entries``."""
    if value == 1:
        return f"1 {noun}"
    return f"{value:,} {noun[:-1]}ies" if noun.endswith("y") else f"{value:,} {noun}s"
