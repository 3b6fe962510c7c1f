"""Predict the emotions of files with an entry's network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.data.clips import ClipFormat
from serbench.deploy.network import trained_network
from serbench.deploy.predict import FilePrediction, predict_files, recordings_in
from serbench.errors import AudioError
from serbench.model.network import EmotionNetwork
from serbench.plugins import Plugins
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.systems import Systems
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Predictor:
    """The network of an entry, ready to use.

    Attributes:
        network: waveform → logits.
        clip_format: that files are brought to.
        emotions: the label set, in the order of the logits.
        channel: what is used of files with several channels.
    """

    network: EmotionNetwork
    clip_format: ClipFormat
    emotions: tuple[str, ...]
    channel: str

    def predict(
        self, paths: Sequence[Path]
    ) -> tuple[list[Path], list[FilePrediction | AudioError]]:
        """Classify files, and all recordings of folders.

        Returns:
            the files; for each of them what is predicted, or why it cannot be used.
        """
        files, errors = recordings_in(paths)
        answers = list(
            predict_files(self.network, self.clip_format, self.emotions, files, self.channel)
        )
        return [*files, *(Path(str(error.facts["path"])) for error in errors)], [*answers, *errors]


def predictor_of(
    number: int,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    channel: str | None = None,
) -> Predictor:
    """Load an entry's network.

    Args:
        number: of the entry.
        plugins: which have what it is made of.
        workspace: where its weights are.
        database: where it is recorded.
        channel: what is used of files with several channels; by default the same as of the
            recordings that it was trained on.

    Raises:
        UsageError: no such entry, or one whose network is not here.
        WeightsError: its weights are gone or were changed.
    """
    record = Systems(database).record(number)
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256, number)
    network = trained_network(record.plan.recipe, plugins, len(record.emotions), arrays)
    return Predictor(network, record.plan.clip_format, record.emotions, channel or record.channel)
