"""``serbench predict`` and ``serbench evaluate``: apply an entry to files or another dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.output import (
    counted,
    counting,
    emit_confusion,
    emit_json,
    emit_scores,
    emit_table,
    emit_text,
    format_option,
)
from serbench.errors import AudioError, SerbenchError

if TYPE_CHECKING:
    from serbench.deploy.predict import FilePrediction


@click.command(cls=Command)
@click.argument("entry", type=int)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--channel",
    metavar="mean|left|right|N",
    help="Use the mean of all channels of a recording, or only one channel, counted from 1. "
    "[default: as in the recordings that the entry was trained on]",
)
@click.option(
    "--reject-below",
    type=float,
    default=0.0,
    metavar="P",
    help="Reject predictions whose calibrated confidence is below P, from 0 to 1. "
    "`serbench leaderboard show ENTRY` has the share of clips and the scores that remain. "
    "[default: reject none]",
)
@format_option("table", "json")
@common_options
@pass_app
def predict(
    app: App,
    entry: int,
    files: tuple[Path, ...],
    channel: str | None,
    reject_below: float,
    format_: str,
) -> None:
    """Predict the emotions of FILES with leaderboard entry ENTRY.

    FILES are recordings, or folders with recordings.
    Each file is prepared like the training clips; sound beyond the end of a clip is not used.
    Probabilities are calibrated with the temperature of the entry, fitted on its tested clips.
    Files that cannot be used are listed with the reason, and the exit code is then 1.
    """
    from serbench.deploy.predict import FilePrediction
    from serbench.run.predict import predictor_of

    predictor = predictor_of(entry, app.plugins, app.workspace, app.database, channel)
    clip_format = predictor.clip_format
    paths, answers = predictor.predict(files, reject_below)
    found = [answer for answer in answers if isinstance(answer, FilePrediction)]
    failed = [answer for answer in answers if isinstance(answer, AudioError)]
    if format_ == "json":
        plain = zip(paths, answers, strict=True)
        emit_json([_answer_as_dict(str(file), answer) for file, answer in plain])
    elif found:
        emit_table(
            ["file", "emotion", *(f">{emotion}" for emotion in predictor.emotions)],
            [
                [str(file.path), file.emotion or "rejected"]
                + [f"{probability:.3f}" for probability in file.probabilities.values()]
                for file in found
            ],
        )
    for file in found:
        if file.seconds > clip_format.seconds + 1:
            emit_text(
                f"{file.path}: only the first {clip_format.seconds:.1f} s of {file.seconds:.1f} s "
                "were used",
                err=True,
            )
        for remark in file.remarks:
            click.echo(f"{file.path}: {remark}", err=True)
    for error in failed:
        click.echo(f"error: {error}", err=True)
    if reject_below > 0 and found:
        rejected = sum(file.rejected for file in found)
        emit_text(
            f"{rejected} of {counted(len(found), 'prediction')} rejected, with a confidence "
            f"below {reject_below:g}",
            err=True,
        )
    if failed:
        raise click.exceptions.Exit(SerbenchError.exit_code)


def _answer_as_dict(path: str, answer: FilePrediction | AudioError) -> dict[str, Any]:
    """The result for one file, with the same keys for usable and unusable files."""
    if isinstance(answer, AudioError):
        unknown = dict.fromkeys(("emotion", "confidence", "rejected", "probabilities"))
        return {"path": path, **unknown, "remarks": [], "error": str(answer)}
    return {
        "path": path,
        "emotion": answer.emotion,
        "confidence": answer.confidence,
        "rejected": answer.rejected,
        "probabilities": answer.probabilities,
        "remarks": list(answer.remarks),
        "error": None,
    }


@click.command(cls=Command)
@click.argument("entry", type=int)
@click.option(
    "--dataset", required=True, metavar="NAME", help="Score the entry on this scanned dataset."
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
