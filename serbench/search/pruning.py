"""When to prune: between folds by scores; within one by its validation loss (`execute.job.Bar`).

A configuration is compared with the best one so far. Nothing here depends on a clock, so that the
same study prunes the same configurations however many trainings ran at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.data.protocols import Fold
from serbench.execute.job import Bar, Outcome
from serbench.score.confusion import Confusion

WORSE = 1.0
"""A configuration is pruned once it is worse by so many standard errors over the folds so far."""


@dataclass(frozen=True)
class Yardstick:
    """The best configuration so far that was tried on all folds: fold → its outcome."""

    best: Mapping[int, Outcome]

    def bar(self, fold: int) -> Bar:
        """What the validation loss of another training on this fold is compared with."""
        return Bar(self.best[fold].losses)

    def worse(self, outcomes: Mapping[int, Outcome]) -> bool:
        """Whether a configuration is worse over the folds it was tried on.

        A one-sided z-test of the mean difference in UAR; how much a fold's UAR varies is known
        from how many clips of each emotion it tests.
        """
        pairs = [(self.best[fold], found) for fold, found in outcomes.items()]
        differences = [best.uar - found.uar for best, found in pairs]
        variance = sum(
            uar_variance(best.confusion) + uar_variance(found.confusion) for best, found in pairs
        )
        return sum(differences) > WORSE * math.sqrt(variance)


def uar_variance(confusion: Confusion) -> float:
    """Variance of a UAR over other clips of the same number, from its confusion matrix.

    Each recall is a share of independent clips, kept off 0 and 1 by one clip of each kind
    (Laplace's rule of succession); the UAR is their mean.
    """
    clips = confusion.sum(axis=1)
    occurring = clips > 0
    clips, right = clips[occurring], confusion.diagonal()[occurring]
    recalls = (right + 1) / (clips + 2)
    return float((recalls * (1 - recalls) / clips).sum() / len(clips) ** 2)


def judging_order(folds: Sequence[Fold], targets: npt.NDArray[np.int64]) -> list[int]:
    """The folds' numbers, those whose UAR varies least by chance first.

    Args:
        folds: of an outer fold.
        targets: emotion codes of all clips, ``[N]``.
    """

    def chance(number: int) -> float:
        _, clips = np.unique(targets[folds[number].test], return_counts=True)
        return float((1 / clips).sum() / len(clips) ** 2)

    return sorted(range(len(folds)), key=chance)
