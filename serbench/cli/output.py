"""Tables, JSON and progress: results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

PLAIN_SECONDS = 10
"""Without a terminal, a long job says how far it is this often."""


def errors() -> Console:
    """The console on standard error."""
    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def emit_json(data: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def emit_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None
) -> None:
    """Print a table as wide as the terminal; columns marked with ``>`` are aligned right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # Without a terminal nothing is cut to a width that nobody looks at.
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False, markup=False).print(table)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns marked with ``>`` are aligned right."""
    lines = [
        [column.lstrip(">") for column in columns],
        ["---:" if column.startswith(">") else "---" for column in columns],
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
