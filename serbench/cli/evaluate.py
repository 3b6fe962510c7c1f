"""``serbench evaluate``: score an entry on another dataset."""

from __future__ import annotations

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets, entries
from serbench.cli.output import (
    counted,
    emit_confusion,
    emit_json,
    emit_scores,
    emit_text,
    format_option,
)
from serbench.cli.remarks import counting, next_command


@click.command(cls=Command)
@click.argument("entry", type=int, shell_complete=entries)
@click.option(
    "--dataset",
    shell_complete=datasets,
    required=True,
    metavar="NAME",
    help="Score the entry on this scanned dataset.",
)
@format_option("table", "json")
@common_options
@pass_app
def evaluate(app: App, entry: int, dataset: str, format_: str) -> None:
    """Score leaderboard entry ENTRY on another dataset than its own.

    Clips of its training speakers are left out. If the label sets differ, only the common emotions
    are scored: the entry predicts one of these, and clips of other emotions are left out.
    """
    from serbench.run.evaluate import evaluate as evaluate_entry
    from serbench.views.evaluation import evaluation_view

    with counting("clips prepared") as progress:
        evaluate_entry(entry, dataset, app.plugins, app.workspace, app.database, progress)
    found = evaluation_view(app.database, entry, dataset, list(app.plugins.metrics))
    plain = found.as_dict()
    if format_ == "json":
        emit_json(plain)
        return
    emit_text(
        f"entry {entry} on {dataset} [{found.dataset_hash[:8]}]: "
        f"{counted(found.clips, 'clip')}, {counted(found.speakers, 'speaker')}"
    )
    if found.left_out:
        emit_text(
            f"left out: {counted(found.left_out, 'clip')} of speakers on which it was trained"
        )
    if found.untrained:
        emit_text(f"left out: clips of {', '.join(found.untrained)}, on which it was not trained")
    if found.absent:
        emit_text(f"not predicted: {', '.join(found.absent)}, which {dataset} does not have")
    emit_scores(found.scores, app.plugins)
    click.echo()
    emit_confusion(found.emotions, plain["confusion"], list(plain["recalls"].values()))
    next_command(f"serbench leaderboard show {entry}")
