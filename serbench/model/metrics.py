"""Scores, all computed from logits and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score


@dataclass(frozen=True)
class Scores:
    """How well some clips were recognised.

    Attributes:
        uar: unweighted average recall over the emotions that occur (shown as UA).
        accuracy: share of clips recognised (shown as WA).
        macro_f1: unweighted mean of the emotions' F1.
        recalls: recall of each emotion in label-set order; NaN where it does not occur.
        confusion: counts ``[true, predicted]``.
    """

    uar: float
    accuracy: float
    macro_f1: float
    recalls: tuple[float, ...]
    confusion: npt.NDArray[np.int64]


def score(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> Scores:
    """Score logits ``[N, C]`` against targets ``[N]``.

    UAR is scikit-learn's balanced accuracy; macro-F1 is over the emotions that occur.

    Raises:
        ValueError: there is nothing to score.
    """
    if len(targets) == 0:
        raise ValueError("no clips to score")
    classes = np.arange(logits.shape[1])
    occurring = np.unique(targets)
    predicted = logits.argmax(axis=1)
    recalls = recall_score(targets, predicted, labels=classes, average=None, zero_division=np.nan)
    f1 = f1_score(targets, predicted, labels=occurring, average="macro", zero_division=0)
    return Scores(
        uar=float(np.mean(recalls[occurring])),
        accuracy=float(accuracy_score(targets, predicted)),
        macro_f1=float(f1),
        recalls=tuple(float(recall) for recall in recalls),
        confusion=confusion_matrix(targets, predicted, labels=classes),
    )
