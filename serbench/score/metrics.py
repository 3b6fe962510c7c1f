"""Scores, all computed from logits and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    pairs = np.bincount(targets * classes + predicted, minlength=classes**2)
    confusion = pairs.reshape(classes, classes)
    right, true = confusion.diagonal(), confusion.sum(axis=1)
    occurs = true > 0
    recalls = np.divide(right, true, out=np.full(classes, np.nan), where=occurs)
    f1 = 2 * right[occurs] / (true + confusion.sum(axis=0))[occurs]
    return Scores(
        uar=float(recalls[occurs].mean()),
        accuracy=float(right.sum() / len(targets)),
        macro_f1=float(f1.mean()),
        recalls=tuple(recalls.tolist()),
        confusion=confusion,
    )
