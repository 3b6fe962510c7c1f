"""Evaluation of a trained entry on another dataset: other speakers, corpora or languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.deploy.network import trained_network
from serbench.errors import DatasetError
from serbench.model.training import predict
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of, recalls
from serbench.score.metric import Score
from serbench.score.scoring import score_holdout
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.lineage import known_rows
from serbench.store.systems import (
    SystemRecord,
    Systems,
    find_system,
    shipped_artifact,
)
from serbench.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of an entry on a dataset.

    Attributes:
        entry: number of the entry.
        dataset: name of the dataset.
        dataset_hash: hash of its content.
        emotions: the common emotions, on which all scores are computed.
        untrained: emotions of the dataset on which the entry was not trained; their clips are left
            out.
        absent: emotions of the entry that the dataset does not have; they are not predicted.
        left_out: number of clips of training speakers or training recordings of the entry.
        clips: number of scored clips.
        speakers: number of their speakers.
        scores: metric → score, with its interval over speakers if there is one.
        confusion: counts ``[true, predicted]``.
    """

    entry: int
    dataset: str
    dataset_hash: str
    emotions: tuple[str, ...]
    untrained: tuple[str, ...]
    absent: tuple[str, ...]
    left_out: int
    clips: int
    speakers: int
    scores: Mapping[str, Score]
    confusion: npt.NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Plain data; the recall of an emotion without scored clips is None."""
        plain = {
            name: value for name, value in vars(self).items() if name not in ("scores", "confusion")
        }
        for metric, score in self.scores.items():
            plain[metric] = score.value
            plain[f"{metric}_ci"] = score.interval
        plain["recalls"] = {
            emotion: None if np.isnan(recall) else float(recall)
            for emotion, recall in zip(self.emotions, recalls(self.confusion), strict=True)
        }
        plain["confusion"] = self.confusion.tolist()
        return plain


def evaluate(
    number: int,
    dataset: str,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    progress: Callable[[int, int], None] = lambda done, total: None,
    batch_size: int = 32,
) -> Evaluation:
    """Score the network of an entry on a dataset, without its training speakers.

    Args:
        number: number of the entry.
        dataset: name of a scanned dataset.
        plugins: the plugins with the entry's backbone and front end, and the metrics.
        workspace: folders of its weights and of prepared clips.
        database: the database with the entry and the dataset.
        progress: called with clips prepared and clips in all.
        batch_size: number of clips in a batch.

    Raises:
        UsageError: there is no such entry, or it was imported without a network.
        DatasetError: there is no such dataset, fewer than two common emotions, or no speaker to
            test.
        WeightsError: the weights of the entry are missing or were changed.
    """
    record = Systems(database).record(number)
    manifest = Datasets(database).manifest(dataset)
    common = tuple(emotion for emotion in record.emotions if emotion in manifest.emotions)
    if len(common) < 2:
        raise DatasetError(
            f"entry {number} was trained on {', '.join(record.emotions)}, and dataset '{dataset}' "
            f"has {', '.join(manifest.emotions)}: choose a dataset with at least two emotions of "
            "the entry",
            number=number,
            dataset=dataset,
            common=common,
        )
    among = np.isin([utterance.emotion for utterance in manifest.utterances], common)
    trained = trained_on(manifest, number, database)
    rows = np.flatnonzero(among & ~trained)
    if len(rows) == 0:
        raise DatasetError(
            f"entry {number} was trained on all speakers of dataset '{dataset}': scan recordings "
            "of other speakers",
            number=number,
            dataset=dataset,
        )
    logits = _logits(number, record, manifest, rows, plugins, workspace, progress, batch_size)
    logits = logits[:, [record.emotions.index(emotion) for emotion in common]]
    targets = np.array([common.index(manifest.utterances[row].emotion) for row in rows])
    speakers = manifest.speakers[rows]
    return Evaluation(
        entry=number,
        dataset=dataset,
        dataset_hash=manifest.hash,
        emotions=common,
        untrained=tuple(name for name in manifest.emotions if name not in common),
        absent=tuple(name for name in record.emotions if name not in common),
        left_out=int((among & trained).sum()),
        clips=len(rows),
        speakers=len(set(speakers.tolist())),
        scores=score_holdout(list(plugins.metrics), logits, targets, speakers),
        confusion=confusion_of(logits, targets),
    )


def trained_on(manifest: Manifest, number: int, database: Database) -> npt.NDArray[np.bool_]:
    """True for each clip of a training speaker of an entry's network, ``[N]``.

    The training speakers of its initial weights count too, if those weights were trained with this
    database, and so does identical audio under another speaker's name.

    Args:
        manifest: the dataset with the clips.
        number: number of the entry.
        database: the database with the entry.

    Raises:
        UsageError: there is no such entry, or it has no weights.
    """
    with database.session() as session:
        artifact = shipped_artifact(session, find_system(session, number))
        return known_rows(manifest, artifact, database)


def _logits(
    number: int,
    record: SystemRecord,
    manifest: Manifest,
    rows: npt.NDArray[np.int64],
    plugins: Plugins,
    workspace: Workspace,
    progress: Callable[[int, int], None],
    batch_size: int,
) -> npt.NDArray[np.float32]:
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256, number)
    network = trained_network(record.recipe, plugins, len(record.emotions), arrays)
    clips = prepare_clips(manifest, workspace.clips, record.plan.clip_format, progress)
    return predict(network, clips, rows, batch_size)
