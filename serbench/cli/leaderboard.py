"""``serbench leaderboard``: accuracy on unheard people against time for one answer."""

from __future__ import annotations

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import emit_json, emit_table
from serbench.results.leaderboard import Ranking, Row, read_rankings, to_frame
from serbench.results.markdown import markdown_table

COLUMNS = [
    ">#",
    "front",
    "entry",
    "backbone",
    "front end",
    "schedule",
    "weights",
    ">UA",
    ">WA",
    ">UA folds",
    ">p90 ms",
    ">params",
    ">MACs",
]


@click.command()
@click.option("--dataset", metavar="NAME", help="Only entries on this dataset.")
@click.option(
    "--threads",
    default="1",
    show_default=True,
    metavar="N|all",
    help="Thread count of the latencies shown.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@common_options
@pass_app
def leaderboard(app: App, dataset: str | None, threads: str, format_: str) -> None:
    """Rank all entries by UA on the exam, and mark the Pareto front.

    Entries on different data, protocols, machines or thread counts are never ranked together.
    The front (●) holds the entries that no other beats in both accuracy and latency.
    """
    if threads != "all" and not threads.isdecimal():
        raise click.BadParameter(
            f"'{threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    if dataset is not None:
        from serbench.results.datasets import Datasets

        Datasets(app.database).dataset_account(dataset)  # an unknown name is an error
    rankings = read_rankings(app.database, dataset, None if threads == "all" else int(threads))
    if format_ == "json":
        emit_json([row.as_dict() for ranking in rankings for row in ranking.rows])
    elif format_ == "csv":
        click.echo(to_frame(rankings).to_csv(index=False), nl=False)
    elif not rankings and threads not in ("1", "all"):
        click.echo(f"nothing was measured on {threads} threads: --threads all shows what was")
    elif not rankings:
        click.echo("no entries yet: serbench study run --backbone homebrew")
    else:
        for number, ranking in enumerate(rankings):
            if number:
                click.echo()
            _show(ranking, format_)


def _show(ranking: Ranking, format_: str) -> None:
    rows = [_cells(row) for row in ranking.rows]
    if format_ == "markdown":
        click.echo(f"**{ranking.title}**\n\n{markdown_table(COLUMNS, rows)}")
    else:
        emit_table(COLUMNS, rows, ranking.title, spare=["weights", "MACs", "front end", "schedule"])


def _cells(row: Row) -> list[str]:
    return [
        str(row.rank),
        "●" if row.on_front else "",
        str(row.entry),
        row.backbone,
        row.front_end,
        row.schedule,
        row.weights,
        f"{100 * row.uar:.1f}",
        f"{100 * row.accuracy:.1f}",
        f"{100 * row.cv_uar_mean:.1f} ± {100 * row.cv_uar_sd:.1f}",
        f"{row.latency_ms_p90:.1f}",
        short(row.params),
        short(row.macs),
    ]


def short(number: int) -> str:
    """A large count in thousands, millions or billions."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
