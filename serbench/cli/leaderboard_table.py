"""Rankings for people: tables and Markdown."""

from __future__ import annotations

import click

from serbench.cli.output import emit_table
from serbench.cli.percent import interval, percent, points
from serbench.views.front import DOMINATED, NEAR, ON, UNMEASURED
from serbench.views.leaderboard import Ranking
from serbench.views.markdown import markdown_table
from serbench.views.row import Row

COLUMNS = (
    *(">#", "front", ">entry", "backbone", "front end", "schedule", "weights", "trained with"),
    *(">UA", ">95 %", ">WA", ">tuning UA", ">optimism", ">p90 ms", ">params", ">MACs"),
)

SPARE = ("trained with", "MACs", "weights", "front end", "schedule", "params", "WA", "tuning UA")
"""Left out on narrow terminals, the first of them first."""

CLIP_INTERVALS = ">95 % of clips"

MARKS = {ON: "●", NEAR: "○", DOMINATED: "", UNMEASURED: "–"}

LEGEND = (
    "front: ● on it, ○ indistinguishable from it, blank dominated, – no latency\n"
    "95 %: interval of UA, over speakers; optimism: tuning UA minus UA"
)

CLIP_LEGEND = "95 % of clips: as if every clip had a speaker of its own; too narrow for new people"


def show_rankings(rankings: list[Ranking], format_: str, per_clip_intervals: bool) -> None:
    """Print rankings, each under its title, and what their columns mean.

    Args:
        rankings: at least one.
        format_: ``table`` or ``markdown``.
        per_clip_intervals: whether to add the column of intervals over clips.
    """
    columns = [*COLUMNS, CLIP_INTERVALS] if per_clip_intervals else list(COLUMNS)
    for ranking in rankings:
        rows = [_cells(row)[: len(columns)] for row in ranking.rows]
        if format_ == "markdown":
            click.echo(f"**{ranking.title}**\n\n{markdown_table(columns, rows)}\n")
        else:
            emit_table(columns, rows, ranking.title, SPARE)
            click.echo()
    click.echo(LEGEND + (f"\n{CLIP_LEGEND}" if per_clip_intervals else ""))


def _cells(row: Row) -> list[str]:
    return [
        str(row.rank),
        MARKS[row.front],
        str(row.entry),
        row.backbone,
        row.front_end,
        row.schedule,
        row.weights,
        row.compute_settings,
        percent(row.uar),
        interval(row.uar_ci),
        percent(row.accuracy),
        tuning(row),
        "–" if row.optimism is None else points(row.optimism),
        "–" if row.latency_ms_p90 is None else f"{row.latency_ms_p90:.1f}",
        "–" if row.params is None else short(row.params),
        "–" if row.macs is None else short(row.macs),
        interval(row.uar_clip_ci),
    ]


def tuning(row: Row) -> str:
    """The score that the winner was chosen by, with its spread over folds."""
    if row.cv_uar_mean is None:
        return "–"
    spread = "" if row.cv_uar_sd is None else f" ± {100 * row.cv_uar_sd:.1f}"
    return f"{100 * row.cv_uar_mean:.1f}{spread}"


def short(number: int) -> str:
    """A large count in thousands, millions or billions."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
