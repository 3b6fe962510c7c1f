"""An entry on another dataset than its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.errors import UsageError
from serbench.score.confusion import confusion_of, recalls
from serbench.score.metric import Metric, Score
from serbench.score.scoring import score_holdout
from serbench.store.database import Database
from serbench.store.evaluations import Evaluations


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


def evaluation_view(
    database: Database, number: int, dataset: str, metrics: Sequence[Metric]
) -> Evaluation:
    """The scores of an entry on a dataset, computed from its stored logits.

    Args:
        database: the database with the entry and the dataset.
        number: number of the entry.
        dataset: name of a scanned dataset.
        metrics: the metrics to compute.

    Raises:
        UsageError: there is no such entry, or it was not tested on the dataset yet.
        DatasetError: there is no such dataset, or it has no clips to test the entry on.
        PluginError: a metric is NaN or infinite.
    """
    evaluations = Evaluations(database)
    tested = evaluations.clips(number, dataset)
    stored = evaluations.logits(tested)
    if stored is None:
        raise UsageError(
            f"entry {number} was not tested on dataset '{dataset}' yet: run "
            f"`serbench evaluate {number} --dataset {dataset}`",
            number=number,
            dataset=dataset,
        )
    logits, targets, speakers = tested.common(stored), tested.targets, tested.speakers
    manifest, common = tested.manifest, tested.emotions
    return Evaluation(
        entry=number,
        dataset=dataset,
        dataset_hash=manifest.hash,
        emotions=common,
        untrained=tuple(name for name in manifest.emotions if name not in common),
        absent=tuple(name for name in tested.trained if name not in common),
        left_out=tested.left_out,
        clips=len(targets),
        speakers=len(set(speakers.tolist())),
        scores=score_holdout(metrics, logits, targets, speakers),
        confusion=confusion_of(logits, targets),
    )
