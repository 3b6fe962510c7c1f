"""The tables of ``serbench leaderboard``: their columns, cells and legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from serbench.cli.output import (
    DASH,
    between,
    emit_table,
    emit_text,
    interval,
    measured,
    milliseconds,
    percent,
    points,
    short,
)

if TYPE_CHECKING:
    from serbench.score.metric import Metric
    from serbench.views.entry import EntryView
    from serbench.views.ranking import RankingView

RANK_LEGEND = (
    "#: first the entries that may have the highest UA; ranks: the ranks by UA that an entry may "
    "have, at a level of 95 %; best: probability of the highest UA in per cent"
)

FRONT_LEGEND = (
    "front (Pareto front of UA and latency): ● on the front, ○ indistinguishable from it, "
    "blank dominated, – no latency"
)

LEGEND = "95 % CI: confidence interval of {label}, from a bootstrap over speakers"

OPTIMISM_LEGEND = "; optimism: tuning UA minus UA, in points"

ABLATED = (
    "read-out",
    "head",
    "objective",
    "augmentations",
    ">batch size",
    ">epochs",
    ">seed",
    "clips",
)
"""Columns that a ranking has only where its rows differ in them."""

OPTIONS = (
    *("front end", "schedule", *(name.lstrip(">") for name in ABLATED)),
    *("weights", "compute settings"),
)
"""Columns that are gathered in one on a terminal on which they do not fit."""

CLIP_INTERVALS = ">95 % CI, clips"

CLIP_LEGEND = (
    "95 % CI, clips: from a bootstrap over clips, as if they were independent; it is too narrow "
    "for new speakers"
)


def show_rankings(
    found: Sequence[RankingView], metrics: Sequence[Metric], format_: str, per_clip: bool
) -> None:
    """Print rankings, each under its title, and a legend of their columns."""
    from serbench.views.tables import markdown_table, markdown_text

    columns, spare = _columns(metrics)
    if per_clip:
        columns.append(CLIP_INTERVALS)
    explained = False
    for ranking in found:
        rows = [
            _cells(row, clips, metrics)[: len(columns)]
            for row, clips in zip(ranking.rows, ranking.clips, strict=True)
        ]
        named, rows = _without_same(columns, rows)
        unmarked = {column.lstrip(">") for column in named}
        notes = [note for note in (ranking.same_clips, ranking.looks) if note]
        if format_ == "markdown":
            explained |= "optimism" in unmarked
            click.echo(f"**{markdown_text(ranking.title)}**\n\n{markdown_table(named, rows)}\n")
            for note in notes:
                click.echo(f"{note}\n")
        else:
            hidden = emit_table(named, rows, ranking.title, spare, OPTIONS)
            explained |= "optimism" in unmarked - hidden
            for note in notes:
                emit_text(note)
            click.echo()
    legend = LEGEND.format(label=metrics[0].label) + (OPTIMISM_LEGEND if explained else "")
    for line in (RANK_LEGEND, FRONT_LEGEND, legend, *([CLIP_LEGEND] if per_clip else [])):
        emit_text(line)


def _without_same(
    columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """A ranking without options that no row has, and without ``ABLATED`` that are the same."""
    values = [{row[place] for row in rows} - {""} for place in range(len(columns))]
    shown = [
        place
        for place, (column, found) in enumerate(zip(columns, values, strict=True))
        if len(found) > 1
        or not (column in (*ABLATED, "runtime") or (column.lstrip(">") in OPTIONS and not found))
    ]
    return [columns[n] for n in shown], [[row[n] for n in shown] for row in rows]


def _columns(metrics: Sequence[Metric]) -> tuple[list[str], list[str]]:
    """The columns of a ranking, and those hidden on narrow terminals, first to be hidden first."""
    labels = [metric.label for metric in metrics]
    columns = [
        *(">#", ">ranks", ">best", "front", ">entry", "backbone", "front end", "schedule"),
        *(*ABLATED, "weights", "compute settings"),
        *(column for label in labels[:1] for column in (f">{label}", ">95 % CI")),
        *(f">{label}" for label in labels[1:]),
        *(">tuning UA", ">optimism", "runtime", ">p90 ms", ">params", ">MACs"),
    ]
    spare = [
        *("compute settings", "MACs", "weights", "front end", "schedule", "params"),
        *reversed(labels[1:]),
        *("tuning UA", "optimism", "runtime", "best", "ranks"),
    ]
    return columns, spare


def _cells(row: EntryView, clips: str, metrics: Sequence[Metric]) -> list[str]:
    from serbench.views.front import DOMINATED, NEAR, ON, UNMEASURED

    marks = {ON: "●", NEAR: "○", DOMINATED: "", UNMEASURED: DASH}
    scores = [_score(row, metric) for metric in metrics]
    return [
        str(row.rank),
        DASH if row.rank_ci is None else DASH.join(map(str, dict.fromkeys(row.rank_ci))),
        percent(row.best),
        marks[row.front],
        str(row.entry),
        row.backbone,
        row.front_end,
        row.schedule,
        row.readout,
        row.head,
        row.objective,
        row.augmentations,
        *("" if each is None else str(each) for each in (row.batch_size, row.epochs, row.seed)),
        clips,
        row.weights,
        row.compute_settings,
        *scores[:1],
        *(_interval(row, metric) for metric in metrics[:1]),
        *scores[1:],
        _tuning(row),
        points(row.optimism),
        f"{row.latency.runtime} {row.latency.precision}".strip(),
        milliseconds(row.latency.p90),
        short(row.params),
        short(row.macs),
        interval(row.uar_clip_ci),
    ]


def _score(row: EntryView, metric: Metric) -> str:
    found = row.scores.get(metric.name)
    return measured(None if found is None else found.value, metric)


def _interval(row: EntryView, metric: Metric) -> str:
    found = row.scores.get(metric.name)
    ends = None if found is None else found.interval
    return DASH if ends is None else between([measured(end, metric) for end in ends])


def _tuning(row: EntryView) -> str:
    """The mean UA that the winner was selected by, with its standard deviation over folds."""
    spread = "" if row.cv_uar_sd is None else f" ± {percent(row.cv_uar_sd)}"
    return percent(row.cv_uar_mean) + spread
