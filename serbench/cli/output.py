"""Tables, JSON and progress: results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

PLAIN_SECONDS = 10
"""Without a terminal, a long job says how far it is this often."""


GAP = 2
"""Spaces between two columns of a table."""


def errors() -> Console:
    """The console on standard error."""
    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def counted(number: int, thing: str) -> str:
    """A number and its thing: ``1 trial``, ``2 trials``, ``3 entries``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing[:-1]}ies" if thing.endswith("y") else f"{number:,} {thing}s"


def emit_json(data: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


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
    # Without a terminal nothing is cut to a width that nobody looks at.
    width = Console().width if sys.stdout.isatty() else 200
    names = [column.lstrip(">") for column in columns]
    widths = [max(len(row[n]) for row in (names, *rows)) + GAP for n in range(len(names))]
    kept = list(range(len(names)))
    for name in spare:
        if sum(widths[n] for n in kept) - GAP > width:
            kept.remove(names.index(name))
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for n in kept:
        right = columns[n] != names[n]
        justify: Literal["right", "left"] = "right" if right else "left"
        table.add_column(names[n], justify=justify, overflow="fold", no_wrap=right)
    for row in rows:
        table.add_row(*(row[n] for n in kept))
    least = sum(widths[n] if columns[n] != names[n] else min(widths[n], 10) for n in kept) - GAP
    Console(width=max(width, least), highlight=False, markup=False).print(table)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of one countable job: a bar on a terminal, a line now and then elsewhere.

    Yields:
        a function of what is done and what there is to do.
    """
    console = errors()
    if console.is_terminal:
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
