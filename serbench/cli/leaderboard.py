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
from serbench.cli.output import counted, emit_json, emit_table
from serbench.cli.percent import interval, percent, points
from serbench.results.front import DOMINATED, NEAR, ON, UNMEASURED
from serbench.results.leaderboard import (
    Ranking,
    read_rankings,
    to_frame,
    unscored_entries,
    with_clip_intervals,
)
from serbench.results.markdown import markdown_table
from serbench.results.row import Row

COLUMNS = (
    *(">#", "front", ">entry", "backbone", "front end", "schedule", "weights"),
    *(">UA", ">95 %", ">WA", ">tuning UA", ">optimism", ">p90 ms", ">params", ">MACs"),
)

SPARE = ("MACs", "weights", "front end", "schedule", "params", "WA", "tuning UA")
"""Left out on narrow terminals, the first of them first."""

CLIP_INTERVALS = ">95 % of clips"

MARKS = {ON: "●", NEAR: "○", DOMINATED: "", UNMEASURED: "–"}

LEGEND = (
    "front: ● on it, ○ indistinguishable from it, blank dominated, – no latency\n"
    "95 %: interval of UA, over speakers; optimism: tuning UA minus UA"
)

CLIP_LEGEND = "95 % of clips: as if every clip had a speaker of its own; too narrow for new people"


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
    """Rank all entries by UA on the exam, and mark the Pareto front.

    Entries of different protocols, data, machines or thread counts are never ranked together. On
    the front (●) is whom no other beats in both accuracy and latency; who is beaten by no more
    than chance is indistinguishable from it (○).
    """
    if ctx.invoked_subcommand is not None:
        return
    if threads != "all" and not threads.isdecimal():
        raise click.BadParameter(
            f"'{threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    if dataset is not None:
        from serbench.results.datasets import Datasets

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
        click.echo(to_frame(rankings).to_csv(index=False), nl=False)
    elif not rankings and threads not in ("1", "all"):
        click.echo(f"nothing was measured on {threads} threads: --threads all shows what was")
    elif not rankings and protocol is not None:
        click.echo(f"no entries under {protocol}: serbench leaderboard shows what there is")
    elif not rankings and not old:
        click.echo("no entries yet: serbench study run --backbone homebrew")
    elif rankings:
        _show(rankings, format_, per_clip_intervals)
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


def _show(rankings: list[Ranking], format_: str, per_clip_intervals: bool) -> None:
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
