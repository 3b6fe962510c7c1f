"""``serbench leaderboard``: UA on the holdout against the latency for one clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.leaderboard_changes import (
    delete_command,
    export_command,
    import_command,
    rename_command,
    rescore_command,
)
from serbench.cli.leaderboard_entries import compare_command, show_command
from serbench.cli.output import (
    DASH,
    counted,
    emit_csv,
    emit_json,
    emit_table,
    emit_text,
    format_option,
    interval,
    measured,
    milliseconds,
    percent,
    points,
    short,
)

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.score.metric import Metric
    from serbench.views.entry import EntryView
    from serbench.views.ranking import RankingView

FRONT_LEGEND = (
    "front (Pareto front of UA and latency): ● on the front, ○ indistinguishable from it, "
    "blank dominated, – no latency"
)

LEGEND = (
    "95 % CI: confidence interval of {label}, from a bootstrap over speakers; "
    "optimism: tuning UA minus UA, in points"
)

ABLATED = ("head", "objective", "augmentations", ">batch size", ">epochs", ">seed")
"""Columns that a ranking has only where its rows differ in them."""

CLIP_INTERVALS = ">95 % CI, clips"

CLIP_LEGEND = (
    "95 % CI, clips: from a bootstrap over clips, as if they were independent; it is too narrow "
    "for new speakers"
)


@click.group(cls=Group, invoke_without_command=True)
@click.option(
    "--dataset", metavar="NAME", help="Show only entries on this dataset. [default: all datasets]"
)
@click.option(
    "--protocol",
    metavar="ID",
    help="Show only entries of this protocol, given by its name or its identifier. "
    "[default: all protocols]",
)
@click.option(
    "--metric",
    "chosen",
    multiple=True,
    metavar="NAME",
    help="Show the scores of this metric; may be given several times. [default: all metrics with "
    "scores]",
)
@click.option(
    "--threads",
    default="1",
    show_default=True,
    metavar="N|all",
    help="Show latencies that were measured on N threads, or on any number of threads (all).",
)
@click.option(
    "--per-clip-intervals",
    is_flag=True,
    help="Show also the confidence interval of a bootstrap over clips, which is too narrow for new "
    "speakers; by default only that over speakers is shown.",
)
@click.option(
    "--commercial",
    is_flag=True,
    help="Show only entries whose corpora and weights all allow commercial use; by default all "
    "entries are shown.",
)
@format_option("table", "json", "csv", "markdown")
@common_options
@click.pass_context
@pass_app
def leaderboard(
    app: App,
    ctx: click.Context,
    dataset: str | None,
    protocol: str | None,
    chosen: tuple[str, ...],
    threads: str,
    per_clip_intervals: bool,
    commercial: bool,
    format_: str,
) -> None:
    """Rank all entries by UA on the holdout, and mark the Pareto front.

    Entries with different protocols, datasets, machines, runtimes, library versions, clip lengths
    or thread counts are ranked separately. An entry is on the front (●) if no other entry is at
    least equal in both UA and latency and better in one of them. An entry whose differences from
    the front are not significant is indistinguishable from it (○).
    """
    if ctx.invoked_subcommand is not None:
        return
    from serbench.views.ranking import flat_columns, flat_rows, rankings

    if threads != "all" and not threads.isdecimal():
        raise click.BadParameter(
            f"'{threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    metrics = [app.plugins.metrics.get(name) for name in chosen]
    if dataset is not None:
        from serbench.store.datasets import Datasets

        Datasets(app.database).dataset_account(dataset)  # an unknown name is an error
    found = rankings(
        app.database,
        dataset=dataset,
        threads=None if threads == "all" else int(threads),
        protocol=protocol,
        per_clip_intervals=per_clip_intervals,
        commercial=commercial,
    )
    if commercial:
        everything = rankings(
            app.database, dataset, None if threads == "all" else int(threads), protocol
        )
        left_out = len(_numbers(everything)) - len(_numbers(found))
        click.echo(
            f"left out: {counted(left_out, 'entry')}, whose corpora or weights do not "
            "allow commercial use or have unknown licences",
            err=True,
        )
    if format_ == "json":
        emit_json([row.as_dict() for ranking in found for row in ranking.rows])
    elif format_ == "csv":
        emit_csv(flat_columns(found), flat_rows(found))
    elif found:
        _show(found, metrics or _scored(app.plugins, found), format_, per_clip_intervals)
    elif threads not in ("1", "all"):
        click.echo(
            f"no latency was measured on {threads} threads: --threads all shows every latency"
        )
    elif commercial and everything:
        click.echo("no entry allows commercial use: remove --commercial to see all entries")
    elif protocol is not None:
        click.echo(f"no entries under {protocol}: serbench leaderboard shows all entries")
    else:
        click.echo("no entries yet: serbench study run --backbone homebrew")


def _numbers(found: Sequence[RankingView]) -> set[int]:
    return {row.entry for ranking in found for row in ranking.rows}


def _scored(plugins: Plugins, found: Sequence[RankingView]) -> list[Metric]:
    """The registered metrics with a score of at least one entry."""
    names = {name for ranking in found for row in ranking.rows for name in row.scores}
    return [metric for metric in plugins.metrics if metric.name in names]


def _show(
    found: Sequence[RankingView], metrics: Sequence[Metric], format_: str, per_clip: bool
) -> None:
    """Print rankings, each under its title, and a legend of their columns."""
    from serbench.views.tables import markdown_table, markdown_text

    columns, spare = _columns(metrics)
    if per_clip:
        columns.append(CLIP_INTERVALS)
    for ranking in found:
        rows = [_cells(row, metrics)[: len(columns)] for row in ranking.rows]
        named, rows = _without_same(columns, rows)
        if format_ == "markdown":
            click.echo(f"**{markdown_text(ranking.title)}**\n\n{markdown_table(named, rows)}\n")
            if ranking.looks:
                click.echo(f"{ranking.looks}\n")
        else:
            emit_table(named, rows, ranking.title, spare)
            if ranking.looks:
                emit_text(ranking.looks)
            click.echo()
    legend = LEGEND.format(label=metrics[0].label)
    for line in (FRONT_LEGEND, legend, *([CLIP_LEGEND] if per_clip else [])):
        emit_text(line)


def _without_same(
    columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """A ranking without those columns of ``ABLATED`` in which all that it has are the same."""
    shown = [
        place
        for place, column in enumerate(columns)
        if column not in ABLATED or len({row[place] for row in rows} - {""}) > 1
    ]
    return [columns[n] for n in shown], [[row[n] for n in shown] for row in rows]


def _columns(metrics: Sequence[Metric]) -> tuple[list[str], list[str]]:
    """The columns of a ranking, and those hidden on narrow terminals, first to be hidden first."""
    labels = [metric.label for metric in metrics]
    columns = [
        *(">#", "front", ">entry", "backbone", "front end", "schedule"),
        *ABLATED,
        "weights",
        *("clips", "compute settings"),
        *(column for label in labels[:1] for column in (f">{label}", ">95 % CI")),
        *(f">{label}" for label in labels[1:]),
        *(">tuning UA", ">optimism", ">p90 ms", ">params", ">MACs"),
    ]
    spare = [
        *("clips", "compute settings", "MACs", "weights", "front end", "schedule", "params"),
        *reversed(labels[1:]),
        *("tuning UA", "optimism"),
    ]
    return columns, spare


def _cells(row: EntryView, metrics: Sequence[Metric]) -> list[str]:
    from serbench.views.front import DOMINATED, NEAR, ON, UNMEASURED

    marks = {ON: "●", NEAR: "○", DOMINATED: "", UNMEASURED: DASH}
    scores = [_score(row, metric) for metric in metrics]
    return [
        str(row.rank),
        marks[row.front],
        str(row.entry),
        row.backbone,
        row.front_end,
        row.schedule,
        row.head,
        row.objective,
        row.augmentations,
        *("" if each is None else str(each) for each in (row.batch_size, row.epochs, row.seed)),
        row.weights,
        row.clips,
        row.compute_settings,
        *scores[:1],
        *(_interval(row, metric) for metric in metrics[:1]),
        *scores[1:],
        _tuning(row),
        points(row.optimism),
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
    return DASH if ends is None else DASH.join(measured(end, metric) for end in ends)


def _tuning(row: EntryView) -> str:
    """The mean UA that the winner was selected by, with its standard deviation over folds."""
    spread = "" if row.cv_uar_sd is None else f" ± {percent(row.cv_uar_sd)}"
    return percent(row.cv_uar_mean) + spread


for command in (
    compare_command,
    show_command,
    import_command,
    export_command,
    rescore_command,
    rename_command,
    delete_command,
):
    leaderboard.add_command(command)
