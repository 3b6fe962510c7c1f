"""Predict the emotions of files with an entry's network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.data.clips import ClipFormat
from serbench.deploy.network import trained_network
from serbench.deploy.predict import FilePrediction, predict_files, recordings_in
from serbench.errors import AudioError, UsageError
from serbench.model.network import EmotionNetwork
from serbench.plugins import Plugins
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.systems import Systems
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Predictor:
    """The network of an entry, ready for predictions.

    Attributes:
        network: waveform → logits.
        clip_format: clip format into which files are converted.
        emotions: the label set, in the order of the logits.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
        temperature: divides the logits, so that the probabilities are calibrated.
    """

    network: EmotionNetwork
    clip_format: ClipFormat
    emotions: tuple[str, ...]
    channel: str
    temperature: float = 1.0

    def predict(
        self, paths: Sequence[Path], reject_below: float = 0.0
    ) -> tuple[list[Path], list[FilePrediction | AudioError]]:
        """Classify files, and all recordings of folders.

        Args:
            paths: files and folders.
            reject_below: least confidence of a prediction that is not rejected, in [0, 1].

        Returns:
            the files, and for each its prediction or the reason why it cannot be used.

        Raises:
            UsageError: ``reject_below`` is no number in [0, 1].
        """
        if not 0 <= reject_below <= 1:  # also false for NaN
            raise UsageError(
                f"a confidence of {reject_below:g} cannot be the least one: "
                "--reject-below takes a number from 0 to 1",
                reject_below=reject_below,
            )
        files, errors = recordings_in(paths)
        answers = list(
            predict_files(
                self.network,
                self.clip_format,
                self.emotions,
                files,
                self.channel,
                self.temperature,
                reject_below,
            )
        )
        return [*files, *(Path(str(error.facts["path"])) for error in errors)], [*answers, *errors]


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
    systems = Systems(database)
    record, temperature = systems.record(number), systems.temperature(number)
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256, number)
    network = trained_network(record.recipe, plugins, len(record.emotions), arrays)
    return Predictor(
        network, record.plan.clip_format, record.emotions, channel or record.channel, temperature
    )
