"""Predict the emotions of recordings with an entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.data.audio import MEAN
from serbench.deploy.answering import Answerer
from serbench.deploy.live import HOP, Live
from serbench.deploy.predict import FilePrediction, Windowing, predict_files, recordings_in
from serbench.deploy.speech import SpeechDetector, speech_detector
from serbench.deploy.windows import hop_in_samples
from serbench.errors import AudioError, UsageError
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Predictions:
    """The predictions for all recordings of a command.

    Attributes:
        files: the files, in order.
        answers: of each file its prediction or the reason why it cannot be used.
        detector: how speech was detected; None if no file is longer than a window, or silence is
            answered too.
    """

    files: list[Path]
    answers: list[FilePrediction | AudioError]
    detector: SpeechDetector | None


@dataclass(frozen=True)
class Predictor:
    """A trained network, ready for predictions.

    Attributes:
        answerer: the network, in whatever form.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
    """

    answerer: Answerer
    channel: str = MEAN

    def predict(
        self,
        paths: Sequence[Path],
        reject_below: float = 0.0,
        hop: float | None = None,
        keep_silence: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Predict the emotions of files, and of all recordings of folders.

        Args:
            paths: files and folders.
            reject_below: least confidence of a prediction that is not rejected, in [0, 1].
            hop: seconds between the starts of two windows; by default half a window.
            keep_silence: whether windows without speech are answered too.
            progress: called with the windows that are done and those known so far.

        Raises:
            UsageError: ``reject_below`` is no number in [0, 1], the hop is not possible, or there
                is no such channel in any recording.
        """
        _check_rejection(reject_below)
        files, errors = recordings_in(paths)
        detector = None if keep_silence else speech_detector()
        windowing = Windowing(hop, detector, self.channel, reject_below)
        answers = list(predict_files(self.answerer, files, windowing, progress))
        return Predictions(
            [*files, *(Path(str(error.facts["path"])) for error in errors)],
            [*answers, *errors],
            detector if any(map(_has_windows, answers)) else None,
        )

    def live(
        self, reject_below: float = 0.0, hop: float | None = None, keep_silence: bool = False
    ) -> Live:
        """Predict the emotion of sound as it arrives.

        Args:
            reject_below: least confidence of a prediction that is not rejected, in [0, 1].
            hop: seconds between two predictions; by default half a second, or a shorter window.
            keep_silence: whether an emotion is predicted in silence too.

        Raises:
            UsageError: ``reject_below`` is no number in [0, 1], or the hop is not possible.
        """
        _check_rejection(reject_below)
        clip_format = self.answerer.clip_format
        hop = min(HOP, clip_format.seconds) if hop is None else hop
        hop_in_samples(hop, clip_format)
        detector = None if keep_silence else speech_detector()
        return Live(self.answerer, detector, hop, reject_below)


def _check_rejection(reject_below: float) -> None:
    """Refuse a least confidence that is no probability.

    Raises:
        UsageError: it is no number in [0, 1].
    """
    if not 0 <= reject_below <= 1:  # also false for NaN
        raise UsageError(
            f"a confidence of {reject_below:g} cannot be the least one: "
            "--reject-below takes a number from 0 to 1",
            reject_below=reject_below,
        )


def _has_windows(answer: FilePrediction | AudioError) -> bool:
    return isinstance(answer, FilePrediction) and len(answer.windows) > 0


def file_predictor(path: Path, channel: str | None = None) -> Predictor:
    """Load an exported file, without PyTorch and without a database.

    Args:
        path: the file.
        channel: the channel used of several; by default the same as for its training recordings.

    Raises:
        UsageError: it is no file that `serbench export` wrote.
        MissingPackageError: ONNX Runtime is not installed.
    """
    from serbench.deploy.model_file import open_model

    answerer = open_model(path)
    return Predictor(answerer, channel or answerer.facts.channel)


def predictor_of(
    number: int,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    channel: str | None = None,
) -> Predictor:
    """Load the network of an entry.

    Args:
        number: number of the entry.
        plugins: the plugins with its backbone, front end and head.
        workspace: folder of its weights.
        database: the database with the entry.
        channel: the channel used of several; by default the same as for its training recordings.

    Raises:
        UsageError: there is no such entry, it was imported without a network, or it has no stored
            predictions.
        WeightsError: its weights are missing or were changed.
    """
    from serbench.deploy.answering import EagerAnswerer
    from serbench.deploy.network import trained_network
    from serbench.store.artifacts import read_arrays
    from serbench.store.systems import Systems

    systems = Systems(database)
    record, temperature = systems.record(number), systems.temperature(number)
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256, number)
    network = trained_network(record.recipe, plugins, len(record.emotions), arrays)
    clip_format = record.plan.clip_format
    answerer = EagerAnswerer(network, clip_format, tuple(record.emotions), temperature)
    return Predictor(answerer, channel or record.channel)
