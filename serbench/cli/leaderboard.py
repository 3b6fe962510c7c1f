"""``serbench leaderboard``: UA against the latency for one clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app, without_collector
from serbench.cli.completing import datasets, named_by_plugins, protocols
from serbench.cli.leaderboard_changes import (
    delete_command,
    export_command,
    import_command,
    rename_command,
    rescore_command,
)
from serbench.cli.leaderboard_entries import compare_command, show_command
from serbench.cli.leaderboard_table import show_rankings
from serbench.cli.output import counted, emit_csv, emit_json, format_option
from serbench.cli.remarks import next_command, remark

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.score.metric import Metric
    from serbench.views.ranking import RankingView


@click.group(cls=Group, invoke_without_command=True)
@click.option(
    "--dataset",
    shell_complete=datasets,
    metavar="NAME",
    help="Show only entries on this dataset. [default: all datasets]",
)
@click.option(
    "--protocol",
    shell_complete=protocols,
    metavar="ID",
    help="Show only entries of this protocol, given by its name or its identifier. "
    "[default: all protocols]",
)
@click.option(
    "--metric",
    "chosen",
    shell_complete=named_by_plugins("metric"),
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
    "--runtime",
    shell_complete=named_by_plugins("runtime"),
    default="best",
    show_default=True,
    metavar="NAME|best|all",
    help="Show latencies in this runtime, in the fastest runtime of each entry (best), or each "
    "runtime in a ranking of its own (all). A runtime that changes logits is the fastest one only "
    "if a loss of one point of UA is excluded.",
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
    runtime: str,
    per_clip_intervals: bool,
    commercial: bool,
    format_: str,
) -> None:
    """Rank all entries by UA, and mark the Pareto front.

    Entries with different protocols, datasets, machines, runtimes, library versions, clip lengths
    or thread counts are ranked separately. An entry is on the front (●) if no other entry is at
    least equal in both UA and latency and better in one of them. An entry whose differences from
    the front are not significant is indistinguishable from it (○).
    """
    if ctx.invoked_subcommand is not None:
        return
    from serbench.views.fastest import BEST, EVERY

    ctx.with_resource(without_collector())
    from serbench.views.ranking import flat_columns, flat_rows, rankings

    if threads != "all" and not threads.isdecimal():
        raise click.BadParameter(
            f"'{threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    if runtime not in (BEST, EVERY):
        app.plugins.runtimes.get(runtime)  # an unknown name is an error
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
        runtime=runtime,
    )
    if commercial:
        everything = rankings(
            app.database,
            dataset,
            None if threads == "all" else int(threads),
            protocol,
            runtime=runtime,
        )
        left_out = len(_numbers(everything)) - len(_numbers(found))
        remark(
            f"left out: {counted(left_out, 'entry')}, whose corpora or weights do not "
            "allow commercial use or have unknown licences"
        )
    if format_ == "json":
        emit_json([row.as_dict() for ranking in found for row in ranking.rows])
    elif format_ == "csv":
        emit_csv(flat_columns(found), flat_rows(found))
    elif found:
        show_rankings(found, metrics or _scored(app.plugins, found), format_, per_clip_intervals)
        next_command("serbench recommend")
    elif threads not in ("1", "all"):
        click.echo(
            f"no latency was measured on {threads} threads: --threads all shows every latency"
        )
    elif commercial and everything:
        click.echo("no entry allows commercial use: remove --commercial to see all entries")
    elif protocol is not None:
        click.echo(f"no entries under {protocol}: serbench leaderboard shows all entries")
    else:
        click.echo("no entries yet")
        next_command("serbench study run")


def _numbers(found: Sequence[RankingView]) -> set[int]:
    return {row.entry for ranking in found for row in ranking.rows}


def _scored(plugins: Plugins, found: Sequence[RankingView]) -> list[Metric]:
    """The registered metrics with a score of at least one entry."""
    names = {name for ranking in found for row in ranking.rows for name in row.scores}
    return [metric for metric in plugins.metrics if metric.name in names]


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
