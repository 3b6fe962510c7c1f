"""Tables, JSON and progress: results go to standard output, everything else to standard error."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

import click

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_SECONDS = 10
"""Without a terminal, a long job says how far it is this often."""

GAP = 2
"""Spaces between two columns of a table."""

WIDE = 200
"""Without a terminal nothing is cut to a width that nobody looks at."""

NARROWEST = 10
"""No column of text is made narrower."""


def errors() -> Console:
    """The console on standard error."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def counted(number: int, thing: str) -> str:
    """A number and its thing: ``1 trial``, ``2 trials``, ``3 entries``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing[:-1]}ies" if thing.endswith("y") else f"{number:,} {thing}s"


def emit_json(data: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def emit_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print plain data as CSV, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    click.echo(text.getvalue(), nl=False)


def emit_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    spare: Sequence[str] = (),
) -> None:
    """Print a table as wide as the terminal; columns marked with ``>`` are aligned right.

    Those are numbers and never broken. On too narrow a terminal the columns named in ``spare``
    are left out, the first of them first.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    numbers = [column.startswith(">") for column in columns]
    names = [column.lstrip(">") for column in columns]
    widths = [max(map(_width, cells)) for cells in zip(names, *rows, strict=True)]
    kept = list(range(len(names)))
    for name in spare:
        if sum(widths[n] + GAP for n in kept) - GAP > width:
            kept.remove(names.index(name))
    fixed = sum(widths[n] for n in kept if numbers[n]) + GAP * (len(kept) - 1)
    widest = _widest([widths[n] for n in kept if not numbers[n]], width - fixed)
    table = [
        _Column(n, widths[n] if numbers[n] else min(widths[n], widest), numbers[n]) for n in kept
    ]
    for line in _folded(title, width) if title is not None else ():
        click.secho(line, italic=True)
    for line in _lines(table, names):
        click.secho(line, bold=True)
    click.echo("".join(f"{line}\n" for row in rows for line in _lines(table, row)), nl=False)


@dataclass(frozen=True)
class _Column:
    """Where a column's cells stand in a row, how wide it is, and whether they are numbers."""

    place: int
    width: int
    number: bool


def _widest(widths: Sequence[int], room: int) -> int:
    """How wide a column of text may be where all of them have so much room."""
    widest = max(widths, default=0)
    while widest > NARROWEST and sum(min(width, widest) for width in widths) > room:
        widest -= 1
    return widest


def _lines(table: Sequence[_Column], row: Sequence[str]) -> Iterator[str]:
    """The lines of one row: several where a cell is folded."""
    cells = [
        [row[each.place]] if each.number else _folded(row[each.place], each.width) for each in table
    ]
    for line in zip_longest(*cells, fillvalue=""):
        padded = (
            space + cell if each.number else cell + space
            for cell, each in zip(line, table, strict=True)
            for space in [" " * (each.width - _width(cell))]
        )
        yield (" " * GAP).join(padded).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """Text in lines no wider than asked, broken between words where that can be."""
    if "\n" in text:
        return [part for line in text.split("\n") for part in _folded(line, width)]
    if _width(text) <= width:
        return [text]
    # Where some characters take two cells, room is left for all to.
    most = width if len(text) == _width(text) else max(width // 2, 1)
    return wrap(text, most, break_on_hyphens=False)


def _width(text: str) -> int:
    """Cells of a terminal that a text takes, the longest of its lines."""
    if "\n" in text:
        return max(map(_width, text.split("\n")))
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else not combining(each) for each in text)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of one countable job: a bar on a terminal, a line now and then elsewhere.

    Yields:
        a function of what is done and what there is to do.
    """
    console = errors()
    if console.is_terminal:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
        return
    last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            console.print(f"{what}: {done} of {total}", highlight=False)

    yield line
