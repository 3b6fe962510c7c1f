"""Pruning rules: between folds by UAR, within a fold by validation loss.

A configuration is compared with the best one so far on the clips of the same folds (within a fold
by `execute.job.LossReference`). No rule depends on a clock, so that a study prunes the same
configurations for any number of parallel trainings.

Both rules together prune at most 20 % of the configurations that are as good as the best one, and
at most 10 % of those whose UAR is 3 points higher, for 3 to 10 folds and for the best of 1 to 16
configurations (measured by ``benchmarks/pruning.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from serbench.data.protocols import Fold
from serbench.execute.job import LossReference, Outcome

MARGIN = 1.2
"""A configuration is pruned once its mean UAR is lower by this many standard errors of one fold.

The margin is that of one fold for any number of folds, whereas the mean varies less the more folds
there are. Each further fold therefore adds less to the share of equally good configurations that
are pruned, and this share has a limit for any number of folds. Most of it arises on the first fold,
where pruning saves most.
"""

CLIPS_COUNT = 4
"""Degrees of freedom that weight the variance estimated from clips, compared with the variance
observed between folds: as many as one other configuration on five folds has."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BestSoFar:
    """The best configuration so far that was trained on all folds.

    Attributes:
        best: fold → its outcome.
        targets: emotion codes of all clips, ``[N]``.
        others: fold → UAR, for each other configuration that was trained on all folds.
    """

    best: Mapping[int, Outcome]
    targets: npt.NDArray[np.int64]
    others: Sequence[Mapping[int, float]] = ()

    def loss_reference(self, fold: int) -> LossReference:
        """The losses with which other trainings on this fold are compared."""
        return LossReference(self.best[fold].losses)

    def worse(self, outcomes: Mapping[int, Outcome]) -> bool:
        """Whether a configuration is worse over the folds that it was trained on (see `behind`)."""
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

    A lead is the difference in UAR of the best configuration and another one on a fold. Its
    variance over folds is estimated from the clips and from the leads over the other
    configurations, which get more weight the more of them there are: a configuration may be better
    for some speakers and worse for others. Because the best of several configurations was selected
    by its mean, this mean is expected to be too high, by the expected maximum of as many random
    errors as there were configurations. This amount is subtracted.

    Args:
        leads: lead over the configuration in question on each fold so far ``[..., k]``.
        variances: variance of each lead by chance ``[..., k]`` (see `lead_variance`).
        others: leads over the other configurations that were trained on all folds ``[..., m, K]``.

    Returns:
        ``[...]``.
    """
    m, folds = others.shape[-2:]
    apart = others - others.mean(axis=-1, keepdims=True)
    squares = CLIPS_COUNT * variances.mean(axis=-1) + np.square(apart).sum(axis=(-2, -1))
    error = np.sqrt(squares / (CLIPS_COUNT + m * (folds - 1)))
    excess = expected_maximum(m + 1) * error / math.sqrt(2 * folds)
    worse: npt.NDArray[np.bool_] = leads.mean(axis=-1) - excess > MARGIN * error
    return worse


def expected_maximum(draws: int) -> float:
    """Expected maximum of so many standard normal draws, to about 0.03 (Blom 1958)."""
    return NormalDist().inv_cdf((draws - 0.375) / (draws + 0.25))


def recognised(outcome: Outcome, targets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each test clip is predicted correctly ``[n]``, given the emotion codes ``[n]``."""
    right: npt.NDArray[np.bool_] = outcome.logits.argmax(axis=1) == targets
    return right


def lead_variance(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], targets: npt.NDArray[np.int64]
) -> Values:
    """Variance by chance of the difference in UAR of two configurations on the same clips.

    Only clips that exactly one of them predicts correctly contribute to the difference, as in
    McNemar's test. The same clips are difficult for both, so that this variance is smaller than the
    sum of the variances of both UARs. One additional clip of each kind for each emotion keeps the
    share of such clips from being 0 or 1 (Laplace's rule of succession).

    Args:
        one: whether the first configuration is correct on each clip, ``[..., n]``.
        other: whether the second configuration is correct on each clip, ``[..., n]``.
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
    """The numbers of the folds, sorted by increasing variance of the UAR by chance.

    Args:
        folds: folds of an outer fold.
        targets: emotion codes of all clips, ``[N]``.
    """

    def chance(number: int) -> float:
        _, clips = np.unique(targets[folds[number].test], return_counts=True)
        return float((1 / clips).sum() / len(clips) ** 2)

    return sorted(range(len(folds)), key=chance)
