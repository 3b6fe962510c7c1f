"""Tables, numbers and JSON: results, which go to standard output."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from serbench.cli.tables import (
    across,
    folding_table,
    gathered_columns,
    hidden_columns,
    narrowest,
    print_lines,
    widths_of,
)
from serbench.notices import in_lines

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.score.metric import Metric, Score

Command = TypeVar("Command", bound=Callable[..., Any])

WIDE = 200
"""Largest width of a table without a terminal."""

DASH = "–"


def format_option(*choices: str) -> Callable[[Command], Command]:
    """The option ``--format``, the first choice by default; its parameter is ``format_``."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="Print the result in this format.",
    )


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 trial``, ``2 trials``, ``3 entries``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def in_bytes(count: int) -> str:
    """A number of bytes as text with a unit."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def percent(share: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return DASH if share is None else f"{100 * share:.1f}"


def points(difference: float | None) -> str:
    """A difference of shares in points, with its sign; a dash where there is none."""
    return DASH if difference is None else f"{100 * difference:+.1f}"


def interval(ends: Sequence[float] | None, signed: bool = False) -> str:
    """An interval in per cent, or in points with signs; a dash where none can be given."""
    if ends is None:
        return DASH
    low, high = ends
    return f"{points(low)} to {points(high)}" if signed else f"{percent(low)}–{percent(high)}"


def between(ends: Sequence[str]) -> str:
    """The ends of an interval: ``1.2–3.4``, or ``-1.2 to 3.4`` where one of them is negative."""
    return (" to " if any(end.startswith("-") for end in ends) else DASH).join(ends)


def scored(share: float | None, ends: Sequence[float] | None) -> str:
    """A score and its interval: ``43.1 (95 % 35.0–51.6)``."""
    return percent(share) + ("" if ends is None else f" (95 % {interval(ends)})")


def measured(value: float | None, metric: Metric | None) -> str:
    """A metric's value in its own unit, shares in per cent; a dash where there is none."""
    if metric is not None and metric.share:
        return percent(value)
    return DASH if value is None else f"{value:.3f}"


def milliseconds(time: float | None) -> str:
    """A time in milliseconds; a dash where none was measured."""
    return DASH if time is None else f"{time:.1f}"


def duration(seconds: float) -> str:
    """A time to the minute, or to the second where it is short."""
    if seconds < 120:
        return f"{max(round(seconds), 1)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def short(number: int | None) -> str:
    """A large count in thousands, millions or billions; a dash where there is none."""
    if number is None:
        return DASH
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def emit_json(data: Any) -> None:
    """Print plain data as JSON, which has no NaN and no infinity."""
    click.echo(as_json(data), nl=False)


def as_json(data: Any) -> str:
    """Plain data as lines of JSON, which has no NaN and no infinity."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def emit_result(format_: str, facts: Mapping[str, Any], *sentences: str) -> None:
    """Print what a command did: in sentences, or its facts as JSON.

    Args:
        format_: ``json``, or any other format for sentences.
        facts: plain data.
        sentences: the same as text.
    """
    if format_ == "json":
        emit_json(facts)
        return
    for sentence in sentences:
        emit_text(sentence)


def emit_text(text: str, err: bool = False) -> None:
    """Print lines of text; on a terminal long lines are broken between words.

    Args:
        text: one or more lines.
        err: whether it is printed to standard error.
    """
    click.echo(in_lines(text, sys.stderr if err else sys.stdout), err=err)


def emit_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print plain data as CSV, None as an empty cell."""
    from serbench.data.cells import csv_text

    click.echo(csv_text(columns, rows), nl=False)


def write_file(path: Path, text: str, err: bool = False) -> None:
    """Write a file and print its name.

    Args:
        path: the file, which is replaced if it exists.
        text: its content.
        err: whether its name is printed to standard error.

    Raises:
        UsageError: it cannot be written.
    """
    from serbench.errors import UsageError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})", path=path) from error
    click.echo(str(path), err=err)


def emit_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    spare: Sequence[str] = (),
    gather: Sequence[str] = (),
) -> frozenset[str]:
    """Print a table as wide as the terminal; columns marked with ``>`` are aligned right.

    Such columns are numbers and never broken. On a narrow terminal, columns named in ``spare`` are
    hidden in their order: first those with one value in all rows, then numbers. Text columns in
    which rows differ stay and are folded. A line below the table names the hidden columns. If the
    others are still too wide, those named in ``gather`` become one column.

    Returns:
        the names of the hidden columns.

    Raises:
        ValueError: two columns have the same name.
    """
    if len(set(columns)) < len(columns):
        raise ValueError(f"columns of the same name: {', '.join(columns)}")
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    cells: dict[str, Sequence[str]] = {
        column: [column.lstrip(">"), *(row[place] for row in rows)]
        for place, column in enumerate(columns)
    }
    hidden = hidden_columns(cells, widths_of(cells), spare, width)
    cells = {column: each for column, each in cells.items() if column not in hidden}
    if across(narrowest(widths_of(cells))) > width:
        cells = gathered_columns(cells, gather)
    widths = widths_of(cells)
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    if title is not None:
        console.print(title, style="italic")
    shown = list(cells.values())
    if across(widths) <= width and not any("\n" in cell for each in shown for cell in each):
        print_lines(shown, widths)
    else:
        table, least = folding_table(shown, widths)
        console.width = max(width, least)
        with console.capture() as captured:
            console.print(table)
        click.echo("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()), nl=False)
    if hidden:
        named = ", ".join(hidden.values())
        emit_text(f"hidden, since the table would be wider than {width} columns: {named}")
    return frozenset(column.lstrip(">") for column in hidden)


def emit_scores(scores: Mapping[str, Score], plugins: Plugins) -> None:
    """Print every score of a system with its interval, a line for each metric."""
    metrics = {metric.name: metric for metric in plugins.metrics}
    rows = []
    order = [*(name for name in metrics if name in scores), *sorted(scores.keys() - metrics)]
    for name in order:
        score, metric = scores[name], metrics.get(name)
        ends = [measured(end, metric) for end in score.interval or ()]
        label = name if metric is None else metric.label
        rows.append([label, measured(score.value, metric), between(ends) or DASH])
    emit_table(["metric", ">score", ">95 % CI"], rows)


def emit_confusion(
    emotions: Sequence[str],
    confusion: Sequence[Sequence[int]],
    recalls: Sequence[float | None],
) -> None:
    """Print counts ``[true, predicted]`` and the recall of each emotion."""
    emit_table(
        ["true ↓  predicted →", *(f">{emotion}" for emotion in emotions), ">recall"],
        [
            [emotion, *map(str, counts), percent(recall)]
            for emotion, counts, recall in zip(emotions, confusion, recalls, strict=True)
        ],
    )
