"""``serbench evaluate``: an entry on other people, another corpus or another language."""

from __future__ import annotations

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import counted, counting, emit_json, emit_table
from serbench.cli.percent import percent, scored


@click.command()
@click.argument("entry", type=int)
@click.option("--dataset", required=True, metavar="NAME", help="A scanned dataset.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@common_options
@pass_app
def evaluate(app: App, entry: int, dataset: str, format_: str) -> None:
    """Score leaderboard entry ENTRY on a dataset it was not made for.

    People it was trained on are left out. Of two different label sets the common emotions count:
    the entry chooses among these, and clips of others are left out.
    """
    from serbench.run.evaluate import evaluate as evaluate_entry

    with counting("preparing") as progress:
        found = evaluate_entry(entry, dataset, app.plugins, app.workspace, app.database, progress)
    plain = found.as_dict()
    if format_ == "json":
        emit_json(plain)
        return
    click.echo(
        f"entry {entry} on {dataset} [{found.dataset_hash[:8]}]: "
        f"{counted(found.clips, 'clip')}, {counted(found.speakers, 'speaker')}"
    )
    if found.left_out:
        click.echo(f"left out: {counted(found.left_out, 'clip')} of people it was trained on")
    if found.untaught:
        click.echo(f"left out: clips of {', '.join(found.untaught)}, which it was never taught")
    if found.unheard:
        click.echo(f"not to be answered: {', '.join(found.unheard)}, which {dataset} does not have")
    for metric, name in (("uar", "UA"), ("accuracy", "WA"), ("macro_f1", "macro-F1")):
        click.echo(f"{name:>9} {scored(plain[metric], plain[f'{metric}_ci'])}")
    click.echo(f"{'ECE':>9} {percent(found.ece)}\n")
    emit_table(
        ["said", *(f">{emotion}" for emotion in found.emotions), ">recall"],
        [
            [emotion, *(str(count) for count in counts), percent(plain["recalls"][emotion])]
            for emotion, counts in zip(found.emotions, plain["confusion"], strict=True)
        ],
        title="heard →",
    )
