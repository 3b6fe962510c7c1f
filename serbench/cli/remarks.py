"""Remarks, progress and the next command: what goes to standard error, and not with ``--quiet``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App
from serbench.notices import in_lines

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_SECONDS = 10
"""Without a terminal, a long job prints its progress at this interval."""


def quiet() -> bool:
    """Whether the present command was given ``--quiet``."""
    context = click.get_current_context(silent=True)
    app = None if context is None else context.find_object(App)
    return app is not None and app.quiet


def remark(text: str) -> None:
    """Print lines of text that are no result on standard error, unless ``--quiet`` is given."""
    if not quiet():
        click.echo(in_lines(text, sys.stderr), err=True)


def next_command(command: str) -> None:
    """Name the command that usually follows, on standard error.

    It is left out with ``--quiet``, and where the result is for programs.
    """
    context = click.get_current_context(silent=True)
    format_ = None if context is None else context.params.get("format_")
    if format_ not in ("json", "csv"):
        remark(f"next: {command}")


def errors() -> Console:
    """The console on standard error, which prints nothing with ``--quiet``."""
    from rich.console import Console
    from rich.theme import Theme

    # Without colours: rich's own yellow and grey can hardly be read on a light background.
    styles = ("progress.elapsed", "progress.remaining", "progress.download", "progress.percentage")
    bars = dict.fromkeys(("bar.complete", "bar.finished", "bar.pulse"), "bold")
    theme = Theme({**dict.fromkeys(styles, "default"), **bars, "bar.back": "dim"})
    soft_wrap = not sys.stderr.isatty()
    return Console(stderr=True, soft_wrap=soft_wrap, theme=theme, quiet=quiet())


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of one countable job: a bar on a terminal, a line every 10 s elsewhere.

    Yields:
        a function of the number done and the number in all.
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
