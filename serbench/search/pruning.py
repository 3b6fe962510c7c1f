"""When to give a configuration up: between folds by their scores, within one by its validation loss.

What a configuration is held against is the best one so far. Nothing here looks at a clock, so that the
same study gives up the same settings however many trainings ran at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.data.protocols import Fold
from serbench.model.training import EpochReport
from serbench.score.metrics import Scores

WORSE = 1.0
"""A configuration is pruned once it is worse by so many standard errors over the folds so far."""

BEHIND = 0.5
"""A training is pruned once its validation loss lies so many standard errors behind.

The error is that of its own loss. Settings find the same clips hard, so that their difference is
better known than either (``benchmarks/search.py`` says how much their losses correlate).
"""

GRACE = 0.4
"""Nobody is judged before this share of the epochs that the best configuration took on the same fold."""

FIRST_EPOCHS = 5
"""Nor is anybody judged before so many epochs: losses first tell who learns fast, not who well."""


@dataclass(frozen=True)
class Bar:
    """What a fold's validation loss is held against.

    Attributes:
        losses: validation loss of each epoch that the best configuration so far had on the same fold.
    """

    losses: tuple[float, ...]

    def missed(self, reports: Sequence[EpochReport]) -> bool:
        """Whether a training lies clearly behind, seeing all its epochs so far.

        Lowest losses are compared: they tell more of the other folds than UARs, which a few clips
        near the border turn over.
        """
        grace = max(FIRST_EPOCHS, math.ceil(GRACE * len(self.losses)))
        if len(reports) < grace or not self.losses:
            return False
        best = min(reports, key=lambda report: report.validation_loss)
        behind = best.validation_loss - min(self.losses[: len(reports)])
        return behind > BEHIND * best.validation_error


@dataclass(frozen=True)
class Yardstick:
    """The best configuration so far that was tried on all folds.

    Attributes:
        scores: of each fold.
        losses: validation loss of each epoch, of each fold.
    """

    scores: Mapping[int, Scores]
    losses: Mapping[int, tuple[float, ...]]

    def bar(self, fold: int) -> Bar:
        """What another training on this fold is held against."""
        return Bar(self.losses[fold])

    def worse(self, scores: Mapping[int, Scores]) -> bool:
        """Whether a configuration is worse over the folds it was tried on.

        A one-sided z-test of the mean difference in UAR; how much a fold's UAR varies is known
        from how many clips of each emotion it tests.
        """
        pairs = [(self.scores[fold], found) for fold, found in scores.items()]
        differences = [best.uar - found.uar for best, found in pairs]
        variance = sum(uar_variance(best) + uar_variance(found) for best, found in pairs)
        return sum(differences) > WORSE * math.sqrt(variance)


def uar_variance(scores: Scores) -> float:
    """Variance of a UAR over other clips of the same number, from its confusion matrix.

    Each recall is a share of independent clips, brought off 0 and 1 by one clip of each kind
    (Laplace's rule of succession); the UAR is their mean.
    """
    clips = scores.confusion.sum(axis=1)
    occurring = clips > 0
    clips, right = clips[occurring], scores.confusion.diagonal()[occurring]
    recalls = (right + 1) / (clips + 2)
    return float((recalls * (1 - recalls) / clips).sum() / len(clips) ** 2)


def telling_order(folds: Sequence[Fold], targets: npt.NDArray[np.int64]) -> list[int]:
    """The folds' numbers, those whose UAR varies least by chance first.

    Args:
        folds: of a outer fold.
        targets: emotion codes of all clips, ``[N]``.
    """

    def chance(number: int) -> float:
        _, clips = np.unique(targets[folds[number].test], return_counts=True)
        return float((1 / clips).sum() / len(clips) ** 2)

    return sorted(range(len(folds)), key=chance)
