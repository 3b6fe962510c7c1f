"""A trained entry on recordings it was not made for: other people, another corpus or language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.deploy.network import check_weights, load_network
from serbench.errors import DatasetError
from serbench.model.training import predict
from serbench.plugins import Plugins
from serbench.score.calibration import expected_calibration_error
from serbench.score.intervals import Intervals, speaker_intervals
from serbench.score.metrics import Scores, score
from serbench.score.tally import tally
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryRecord
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Evaluation:
    """How an entry does on a dataset.

    Attributes:
        entry: its number.
        dataset: name of the dataset.
        dataset_hash: of its content.
        emotions: those that both know; everything is about these.
        untaught: emotions of the dataset that the entry was never taught; their clips are left out.
        unheard: emotions of the entry that the dataset does not have; it may not answer them.
        left_out: clips of people, or recordings, that the entry was trained on.
        clips: how many were scored.
        speakers: by how many people.
        scores: UAR, accuracy, macro-F1, recalls, confusion.
        intervals: over speakers, or None where none can be given.
        ece: expected calibration error among the common emotions.
    """

    entry: int
    dataset: str
    dataset_hash: str
    emotions: tuple[str, ...]
    untaught: tuple[str, ...]
    unheard: tuple[str, ...]
    left_out: int
    clips: int
    speakers: int
    scores: Scores
    intervals: Intervals | None
    ece: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data; an emotion that nobody left expresses has None for its recall."""
        plain = asdict(self)
        scores = plain.pop("scores")
        intervals = plain.pop("intervals") or {}
        for metric in ("uar", "accuracy", "macro_f1"):
            plain[metric] = scores[metric]
            plain[f"{metric}_ci"] = intervals.get(metric)
        plain["recalls"] = {
            emotion: None if np.isnan(recall) else recall
            for emotion, recall in zip(self.emotions, self.scores.recalls, strict=True)
        }
        plain["confusion"] = scores["confusion"].tolist()
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
    """Score an entry's network on a dataset, without whom it was trained on.

    Args:
        number: of the entry.
        dataset: name of a scanned dataset.
        plugins: who know the entry's backbone and front end.
        workspace: where its weights and the prepared clips are.
        database: where the entry and the dataset are.
        progress: called with clips prepared and clips in all.
        batch_size: clips at a time.

    Raises:
        UsageError: no such entry, or one whose network is not here.
        DatasetError: no such dataset, fewer than two common emotions, or nobody left to test.
        WeightsError: the entry's weights are gone or were changed.
    """
    record = Entries(database).record(number)
    manifest = Datasets(database).manifest(dataset)
    common = tuple(emotion for emotion in record.emotions if emotion in manifest.emotions)
    if len(common) < 2:
        raise DatasetError(
            f"entry {number} knows {', '.join(record.emotions)}, dataset '{dataset}' has "
            f"{', '.join(manifest.emotions)}: scoring takes two emotions that both have"
        )
    known = np.isin([utterance.emotion for utterance in manifest.utterances], common)
    heard = _heard(manifest, record, database)
    rows = np.flatnonzero(known & ~heard)
    if len(rows) == 0:
        raise DatasetError(
            f"entry {number} was trained on everybody in dataset '{dataset}': scan recordings of "
            "other people"
        )
    logits = _logits(record, manifest, rows, plugins, workspace, progress, batch_size)
    logits = logits[:, [record.emotions.index(emotion) for emotion in common]]
    targets = np.array([common.index(manifest.utterances[row].emotion) for row in rows])
    counted = tally(logits, targets, manifest.speakers[rows].tolist())
    return Evaluation(
        entry=number,
        dataset=dataset,
        dataset_hash=manifest.hash,
        emotions=common,
        untaught=tuple(name for name in manifest.emotions if name not in common),
        unheard=tuple(name for name in record.emotions if name not in common),
        left_out=int((known & heard).sum()),
        clips=len(rows),
        speakers=len(counted.speakers),
        scores=score(logits, targets),
        intervals=speaker_intervals(counted),
        ece=expected_calibration_error(logits, targets),
    )


def _heard(manifest: Manifest, record: EntryRecord, database: Database) -> npt.NDArray[np.bool_]:
    """Clips by people, or with audio, that the entry's network was trained on, ``[N]``."""
    plan = record.plan
    trained = Datasets(database).manifest(plan.dataset, plan.dataset_hash)
    rows = split_dataset(trained, parse_protocol(plan.protocol)).outer_folds[0].holdout.train
    return np.isin(manifest.speakers, trained.speakers[rows]) | np.isin(
        manifest.audio_hashes, trained.audio_hashes[rows]
    )


def _logits(
    record: EntryRecord,
    manifest: Manifest,
    rows: npt.NDArray[np.int64],
    plugins: Plugins,
    workspace: Workspace,
    progress: Callable[[int, int], None],
    batch_size: int,
) -> npt.NDArray[np.float32]:
    weights = workspace.artifacts / record.artifact
    check_weights(weights, record.artifact_sha256)
    network = load_network(
        plugins.backbones.get(record.plan.backbone),
        plugins.front_ends.get(record.plan.front_end),
        record.plan.clip_format,
        len(record.emotions),
        weights,
    )
    clips = prepare_clips(manifest, workspace.clips, record.plan.clip_format, progress)
    return predict(network, clips, rows, batch_size)
