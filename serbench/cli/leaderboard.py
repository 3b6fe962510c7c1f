"""``serbench leaderboard``: accuracy on unheard people against time for one answer."""

from __future__ import annotations

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.leaderboard_entries import (
    compare_command,
    export_command,
    import_command,
    rescore_command,
    show_command,
)
from serbench.cli.output import counted, emit_csv, emit_json


@click.group(invoke_without_command=True)
@click.option("--dataset", metavar="NAME", help="Only entries on this dataset.")
@click.option("--protocol", metavar="ID", help="Only entries of this protocol, by name or ID.")
@click.option(
    "--threads",
    default="1",
    show_default=True,
    metavar="N|all",
    help="Thread count of the latencies shown.",
)
@click.option(
    "--per-clip-intervals",
    is_flag=True,
    help="Show also the interval of a bootstrap over clips, which is too narrow.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@common_options
@click.pass_context
@pass_app
def leaderboard(
    app: App,
    ctx: click.Context,
    dataset: str | None,
    protocol: str | None,
    threads: str,
    per_clip_intervals: bool,
    format_: str,
) -> None:
    """Rank all entries by UA on the holdout, and mark the Pareto front.

    Entries of different protocols, data, machines or thread counts are never ranked together. On
    the front (●) is whom no other beats in both accuracy and latency; who is beaten by no more
    than chance is indistinguishable from it (○).
    """
    if ctx.invoked_subcommand is not None:
        return
    from serbench.cli.leaderboard_table import show_rankings
    from serbench.views.leaderboard import (
        flat_rows,
        read_rankings,
        unscored_entries,
        with_clip_intervals,
    )
    from serbench.views.row import FLAT_COLUMNS

    if threads != "all" and not threads.isdecimal():
        raise click.BadParameter(
            f"'{threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    if dataset is not None:
        from serbench.store.datasets import Datasets

        Datasets(app.database).dataset_account(dataset)  # an unknown name is an error
    rankings = read_rankings(app.database, dataset, None if threads == "all" else int(threads))
    if protocol is not None:
        rankings = [each for each in rankings if each.is_of(protocol)]
    if per_clip_intervals:
        rankings = [with_clip_intervals(each) for each in rankings]
    old = unscored_entries(app.database)
    if format_ == "json":
        emit_json([row.as_dict() for ranking in rankings for row in ranking.rows])
    elif format_ == "csv":
        emit_csv(FLAT_COLUMNS, flat_rows(rankings))
    elif not rankings and threads not in ("1", "all"):
        click.echo(f"nothing was measured on {threads} threads: --threads all shows what was")
    elif not rankings and protocol is not None:
        click.echo(f"no entries under {protocol}: serbench leaderboard shows what there is")
    elif not rankings and not old:
        click.echo("no entries yet: serbench study run --backbone homebrew")
    elif rankings:
        show_rankings(rankings, format_, per_clip_intervals)
    if old:
        click.echo(
            f"{counted(len(old), 'entry')} of an older serbench left out: "
            "`serbench leaderboard rescore` brings them in",
            err=True,
        )


leaderboard.add_command(compare_command)
leaderboard.add_command(show_command)
leaderboard.add_command(import_command)
leaderboard.add_command(export_command)
leaderboard.add_command(rescore_command)
