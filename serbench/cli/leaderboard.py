"""``serbench leaderboard``: UA against the latency for one clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Group, common_options, pass_app, without_collector
from serbench.cli.completing import named_by_plugins
from serbench.cli.leaderboard_changes import (
    delete_command,
    export_command,
    import_command,
    rename_command,
    rescore_command,
)
from serbench.cli.leaderboard_entries import compare_command, show_command
from serbench.cli.leaderboard_table import show_rankings
from serbench.cli.output import emit_csv, emit_json, format_option
from serbench.cli.ranking_options import Chosen, nothing_found, ranking_options, read_rankings
from serbench.cli.remarks import next_command

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.score.metric import Metric
    from serbench.views.ranking import RankingView


@click.group(cls=Group, invoke_without_command=True)
@ranking_options
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
    "--per-clip-intervals",
    is_flag=True,
    help="Show also the confidence interval of a bootstrap over clips, which is too narrow for new "
    "speakers; by default only that over speakers is shown.",
)
@format_option("table", "json", "csv", "markdown")
@common_options
@click.pass_context
@pass_app
def leaderboard(
    app: App,
    ctx: click.Context,
    /,
    chosen: tuple[str, ...],
    per_clip_intervals: bool,
    format_: str,
    **options: Any,
) -> None:
    """Rank all entries by UA, and mark the Pareto front.

    Entries with different protocols, datasets, machines, runtimes, library versions, clip lengths
    or thread counts are ranked separately. An entry is on the front (●) if no other entry is at
    least equal in both UA and latency and better in one of them. An entry whose differences from
    the front are not significant is indistinguishable from it (○).
    """
    if ctx.invoked_subcommand is not None:
        return
    ctx.with_resource(without_collector())
    from serbench.views.ranking import flat_columns, flat_rows

    wanted = Chosen(**options)
    metrics = [app.plugins.metrics.get(name) for name in chosen]
    found, left_out = read_rankings(app, wanted, per_clip_intervals)
    if format_ == "json":
        emit_json([row.as_dict() for ranking in found for row in ranking.rows])
    elif format_ == "csv":
        emit_csv(flat_columns(found), flat_rows(found))
    elif found:
        show_rankings(found, metrics or _scored(app.plugins, found), format_, per_clip_intervals)
        next_command("serbench recommend")
    else:
        text, following = nothing_found(wanted, left_out)
        click.echo(text)
        next_command(following)


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
