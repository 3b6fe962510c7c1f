"""The layout of tables: which columns fit, and how rows are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

GAP = 2
"""Spaces between two columns of a table."""

NARROWEST = 10
"""Smallest width of a folded column of text."""

GATHERED = "options"
"""Name of the column in which columns are gathered."""


def hidden_columns(
    cells: Mapping[str, Sequence[str]], widths: Mapping[str, int], spare: Sequence[str], width: int
) -> dict[str, str]:
    """The columns to hide on a terminal → their names for the line below the table.

    Names in ``spare`` of columns that the table does not have are ignored.
    """
    named = {column.lstrip(">"): column for column in cells}
    spare = [name for name in spare if name in named]
    same = {name: len(set(cells[named[name]][1:])) == 1 for name in spare}
    order = [name for name in spare if same[name]]
    order += [name for name in spare if not same[name] and named[name][0] == ">"]
    left, hidden = dict(widths), {}
    for name in order:
        if across(left) > width:
            del left[named[name]]
            hidden[named[name]] = f"{name} ({cells[named[name]][1]})" if same[name] else name
    return hidden


def gathered_columns(
    cells: Mapping[str, Sequence[str]], gather: Sequence[str]
) -> dict[str, Sequence[str]]:
    """The same table with some columns gathered in one, in which a cell has a line for each."""
    chosen = [column for column in cells if column.lstrip(">") in gather]
    rows = zip(*(cells[column][1:] for column in chosen), strict=True)
    names = [column.lstrip(">") for column in chosen]
    together = [
        "\n".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True) if cell)
        for row in rows
    ]
    found: dict[str, Sequence[str]] = {}
    for column, each in cells.items():
        if column not in chosen:
            found[column] = each
        elif column == chosen[0]:
            found[GATHERED] = [GATHERED, *together]
    return found


def widths_of(cells: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The width of each column in which nothing is folded."""
    from rich.cells import cell_len

    return {
        column: max(map(cell_len, "\n".join(each).split("\n"))) for column, each in cells.items()
    }


def narrowest(widths: Mapping[str, int]) -> dict[str, int]:
    """The smallest width of each column: numbers are never folded."""
    return {
        column: width if column.startswith(">") else min(width, NARROWEST)
        for column, width in widths.items()
    }


def across(widths: Mapping[str, int]) -> int:
    """The width of a table with such columns."""
    return sum(widths.values()) + GAP * (len(widths) - 1)


def print_lines(cells: Sequence[Sequence[str]], widths: Mapping[str, int]) -> None:
    """Print a table in which nothing is folded: rich takes a second for a thousand entries."""
    from rich.cells import cell_len

    aligned = []
    for each, (column, width) in zip(cells, widths.items(), strict=True):
        spaces = [" " * (width - cell_len(cell)) for cell in each]
        pairs = (
            zip(spaces, each, strict=True) if column[0] == ">" else zip(each, spaces, strict=True)
        )
        aligned.append(["".join(pair) for pair in pairs])
    heading, *lines = ((" " * GAP).join(line).rstrip() for line in zip(*aligned, strict=True))
    click.secho(heading, bold=True)
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def folding_table(cells: Sequence[Sequence[str]], widths: Mapping[str, int]) -> tuple[Table, int]:
    """A table with folded text, and its smallest width."""
    from rich.table import Table

    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    least = narrowest(widths)
    for each, column in zip(cells, widths, strict=True):
        number = column.startswith(">")
        table.add_column(
            each[0],
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
            min_width=least[column],
        )
    for row in zip(*(each[1:] for each in cells), strict=True):
        table.add_row(*row)
    return table, across(least)
