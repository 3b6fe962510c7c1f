"""When to prune: between folds by scores; within one by its validation loss (`execute.job.Bar`).

A configuration is compared with the best one so far, on the clips of the same folds. Nothing here
depends on a clock, so that the same study prunes the same configurations however many trainings
ran at once.

Of configurations that are as good as the best one, at most 20 % are pruned by both rules together,
of those whose UAR is 3 points higher at most 10 %, of 3 to 10 folds and where the best is that of
1 to 16 configurations (``benchmarks/pruning.py`` measures both).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from serbench.data.protocols import Fold
from serbench.execute.job import Bar, Outcome

MARGIN = 1.2
"""A configuration is pruned once its mean UAR is lower by so many standard errors of one fold.

The margin stays that of one fold while the mean over more folds varies less and less. Each further
fold therefore adds less to the share of equally good configurations that are pruned, and that
share stays below a limit however many folds there are. Most of it is spent on the first fold,
where pruning saves most.
"""

CLIPS_COUNT = 4
"""Degrees of freedom that the variance known from clips has beside that seen between folds; one
other configuration tried on five folds has as many."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Yardstick:
    """The best configuration so far that was tried on all folds.

    Attributes:
        best: fold → its outcome.
        targets: emotion codes of all clips, ``[N]``.
        others: of each other configuration that was tried on all folds: fold → its UAR.
    """

    best: Mapping[int, Outcome]
    targets: npt.NDArray[np.int64]
    others: Sequence[Mapping[int, float]] = ()

    def bar(self, fold: int) -> Bar:
        """What the validation loss of another training on this fold is compared with."""
        return Bar(self.best[fold].losses)

    def worse(self, outcomes: Mapping[int, Outcome]) -> bool:
        """Whether a configuration is worse over the folds that it was tried on (see `behind`)."""
        leads, variances = [], []
        for fold, found in outcomes.items():
            best = self.best[fold]
            targets = self.targets[found.rows]
            leads.append(best.uar - found.uar)
            variances.append(
                lead_variance(recognised(best, targets), recognised(found, targets), targets)
            )
        others = [
            [best.uar - other[fold] for fold, best in self.best.items()] for other in self.others
        ]
        shape = len(self.others), len(self.best)
        return bool(behind(np.array(leads), np.array(variances), np.array(others).reshape(shape)))


def behind(leads: Values, variances: Values, others: Values) -> npt.NDArray[np.bool_]:
    """Whether a configuration is worse than the best one by more than chance explains.

    How much a lead varies from fold to fold is known from the clips and, better with each further
    configuration, from the leads over the others: configurations may suit some speakers and not
    others. The best of several configurations is also the luckiest: its mean is expected to be too
    high by the expected maximum of as many draws as there were configurations. This much is
    deducted.

    Args:
        leads: UAR of the best configuration less that of the one judged, of each fold so far
            ``[..., k]``.
        variances: of each lead by chance ``[..., k]`` (see `lead_variance`).
        others: leads over the other configurations that were tried on all folds ``[..., m, K]``.

    Returns:
        ``[...]``.
    """
    m, folds = others.shape[-2:]
    apart = others - others.mean(axis=-1, keepdims=True)
    squares = CLIPS_COUNT * variances.mean(axis=-1) + np.square(apart).sum(axis=(-2, -1))
    error = np.sqrt(squares / (CLIPS_COUNT + m * (folds - 1)))
    luck = expected_maximum(m + 1) * error / math.sqrt(2 * folds)
    worse: npt.NDArray[np.bool_] = leads.mean(axis=-1) - luck > MARGIN * error
    return worse


def expected_maximum(draws: int) -> float:
    """Of so many standard normal draws, to about 0.03 (Blom 1958)."""
    return NormalDist().inv_cdf((draws - 0.375) / (draws + 0.25))


def recognised(outcome: Outcome, targets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which test clips were recognised ``[n]``, given their emotion codes ``[n]``."""
    right: npt.NDArray[np.bool_] = outcome.logits.argmax(axis=1) == targets
    return right


def lead_variance(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], targets: npt.NDArray[np.int64]
) -> Values:
    """Variance by chance of the difference in UAR of two configurations on the same clips.

    Only a clip that one of them recognises and the other does not adds to the difference, as in
    McNemar's test. The same clips are difficult for both, so that this variance is smaller than
    the sum of both UARs' variances. The share of such clips is kept off 0 and 1 by one clip of
    each kind for each emotion (Laplace's rule of succession).

    Args:
        one: which clips the one recognises, ``[..., n]``.
        other: which the other does, ``[..., n]``.
        targets: their emotion codes, ``[n]``.

    Returns:
        ``[...]``.
    """
    differ = one != other
    emotions, clips = np.unique(targets, return_counts=True)
    counts = np.stack([differ[..., targets == each].sum(axis=-1) for each in emotions], axis=-1)
    variance: Values = ((counts + 1) / (clips + 2) / clips).sum(axis=-1) / len(emotions) ** 2
    return variance


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
