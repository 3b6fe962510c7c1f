"""``serbench predict``: apply an entry to recordings of any length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import entries_and_files
from serbench.cli.output import DASH, counted, emit_csv, emit_json, emit_table, format_option
from serbench.cli.remarks import counting, remark
from serbench.errors import AudioError, SerbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serbench.deploy.answering import Prediction
    from serbench.deploy.predict import FilePrediction
    from serbench.run.predict import Predictor

SILENCE = "silence"

channel_option = click.option(
    "--channel",
    metavar="mean|left|right|N",
    help="Use the mean of all channels of a recording, or only one channel, counted from 1. "
    "[default: as in the recordings that the entry was trained on]",
)
reject_option = click.option(
    "--reject-below",
    type=float,
    default=0.0,
    metavar="P",
    help="Reject predictions whose calibrated confidence is below P, from 0 to 1. "
    "`serbench leaderboard show ENTRY` has the share of clips and the scores that remain. "
    "[default: reject none]",
)
silence_option = click.option(
    "--keep-silence",
    is_flag=True,
    help="Predict an emotion for windows without speech too.",
)


def predictor(app: App, system: str, channel: str | None) -> Predictor:
    """The network of an entry, given by its number, or of an exported file.

    Raises:
        SerbenchError: there is no such entry or file, or it cannot be used.
    """
    from serbench.run.predict import file_predictor, predictor_of

    if system.isdecimal():
        return predictor_of(int(system), app.plugins, app.workspace, app.database, channel)
    return file_predictor(Path(system), channel)


@click.command(cls=Command)
@click.argument("system", metavar="ENTRY|MODEL", shell_complete=entries_and_files)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--hop",
    type=float,
    metavar="SECONDS",
    help="Time from the start of a window to that of the next one, at most the length of a window. "
    "[default: half a window]",
)
@silence_option
@channel_option
@reject_option
@format_option("table", "json", "csv", "rttm")
@common_options
@pass_app
def predict(
    app: App,
    system: str,
    files: tuple[Path, ...],
    hop: float | None,
    keep_silence: bool,
    channel: str | None,
    reject_below: float,
    format_: str,
) -> None:
    """Predict the emotions of FILES with leaderboard entry ENTRY, or the exported file MODEL.

    FILES are recordings, or folders with recordings.
    A window is as long as the clips that the entry was trained on. A recording that is not longer
    has one prediction. A longer one has a prediction for each window, and one for the whole file:
    the mean of the probabilities of all windows with speech.
    Each window is prepared like a training clip.
    Probabilities are calibrated with the temperature of the entry, fitted on its tested clips.
    Files that cannot be used are listed with the reason, and the exit code is then 1.
    """
    from serbench.deploy.predict import FilePrediction
    from serbench.deploy.timelines import as_dict, csv_columns, csv_rows, rttm_lines

    chosen = predictor(app, system, channel)
    emotions = chosen.answerer.emotions
    with counting("windows predicted") as progress:
        result = chosen.predict(files, reject_below, hop, keep_silence, progress)
    found = [answer for answer in result.answers if isinstance(answer, FilePrediction)]
    failed = [answer for answer in result.answers if isinstance(answer, AudioError)]
    pairs = list(zip(map(str, result.files), result.answers, strict=True))
    if format_ == "json":
        emit_json([as_dict(path, answer) for path, answer in pairs])
    elif format_ == "csv":
        emit_csv(csv_columns(emotions), (row for pair in pairs for row in csv_rows(*pair)))
    elif format_ == "rttm":
        for line in rttm_lines(found):
            click.echo(line)
    elif found:
        _emit_tables(found, emotions)
    if result.detector is not None:
        remark(result.detector.text)
    for file in found:
        for sentence in file.remarks:
            remark(f"{file.path}: {sentence}")
    for error in failed:
        click.echo(f"error: {error}", err=True)
    if reject_below > 0 and found:
        _emit_rejected(found, reject_below)
    if failed:
        raise click.exceptions.Exit(SerbenchError.exit_code)


def _emit_tables(found: Sequence[FilePrediction], emotions: tuple[str, ...]) -> None:
    """Print the timeline of each file longer than a window, then a row for each file."""
    numbers = [f">{emotion}" for emotion in emotions]
    for file in found:
        if not file.windows:
            continue
        rows = [
            [f"{window.start:.2f}", f"{window.end:.2f}", *_cells(window.answer, emotions)]
            for window in file.windows
        ]
        emit_table([">start", ">end", "emotion", *numbers], rows, title=str(file.path))
        click.echo()
    emit_table(
        ["file", "emotion", *numbers],
        [[str(file.path), *_cells(file.overall, emotions)] for file in found],
    )


def _cells(answer: Prediction | None, emotions: tuple[str, ...]) -> list[str]:
    """The emotion and the probabilities of an answer."""
    if answer is None:
        return [SILENCE, *(DASH for _ in emotions)]
    shares = (f"{answer.probabilities[emotion]:.3f}" for emotion in emotions)
    return [answer.emotion or "rejected", *shares]


def _emit_rejected(found: Sequence[FilePrediction], reject_below: float) -> None:
    """Print how many predictions for files and for windows were rejected."""
    windows = [each.answer for file in found for each in file.windows if each.answer is not None]
    below = f"with a confidence below {reject_below:g}"
    whole = sum(file.overall.rejected for file in found)
    text = f"{whole} of {counted(len(found), 'prediction')} rejected"
    if windows:
        parts = sum(answer.rejected for answer in windows)
        text += f" for files, {parts} of {len(windows):,} for windows"
    remark(f"{text}, {below}")
