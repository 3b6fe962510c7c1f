"""Outcomes of trainings, read from the ledger's rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.data.protocols import HOLDOUT
from serbench.execute.job import Outcome
from serbench.model.environment import Environment
from serbench.model.machine import Machine
from serbench.score.confusion import confusion_of
from serbench.store.predictions import read_prediction
from serbench.store.schema import PredictionRow, TrainingRow

EMPTY = np.zeros((0, 0), dtype=np.int64)
"""The confusion matrix of a training without test rows."""

TRAINING_FIELDS = ("epochs", "best_epoch", "seconds", "seed", "weights", "pruned")
"""Fields with the same name in an outcome and in the row of a training."""


def outcome_of(
    training: TrainingRow, prediction: PredictionRow, trial: int, targets: npt.NDArray[np.int64]
) -> Outcome:
    """The recorded outcome of a training, without its network.

    Args:
        training: row of the training.
        prediction: its logits.
        trial: number of its trial.
        targets: emotion codes of all clips ``[N]``.
    """
    found, fold = read_prediction(prediction), training.split.fold
    return Outcome(
        trial=trial,
        fold=fold if fold == HOLDOUT else int(fold),
        rows=found.rows,
        logits=found.logits,
        confusion=confusion_of(found.logits, targets[found.rows]) if len(found.rows) else EMPTY,
        curve=tuple(training.curve),
        losses=tuple(training.losses),
        environment=Environment(Machine(**training.machine), training.device, training.versions),
        **{name: getattr(training, name) for name in TRAINING_FIELDS},
    )
