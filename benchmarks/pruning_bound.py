"""An upper bound of what pruning can save, given how often it may lose an equal configuration.

The lead of the best configuration over another one varies from fold to fold as a normal variable
around the true lead. If the variance and all true leads are known, the rule that saves most for its
error rate is a Bayes rule: losing an equal configuration has a price, and the rule prunes a
configuration where this costs less than continuing. The decisions are computed by backward
induction over the folds (DeGroot, *Optimal Statistical Decisions*, 1970, chapter 12), the price by
bisection. A real rule must estimate the leads from the folds and saves less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from serbench.search.propose import generation_of

Floats = npt.NDArray[np.float64]

STEP = 0.005
REACH = 0.9
SUMS: Floats = np.arange(-REACH, REACH + STEP / 2, STEP)
"""Number of sums of leads for which the decision is computed."""


@dataclass(frozen=True)
class Rule:
    """Results of the best rule for one price.

    Attributes:
        folds: expected number of folds of each configuration ``[n]``.
        lost: share of equal configurations that it loses.
    """

    folds: Floats
    lost: float


def leads_of(means: Sequence[float]) -> list[float]:
    """The lead of the best earlier trial over each trial but the first, in their order."""
    return [max(means[: generation_of(n).start]) - means[n] for n in range(1, len(means))]


def most_saved(
    leads: Sequence[float], noise: float, limit: float, folds: int = 5, first: float = 1.0
) -> float:
    """Factor by which the best rule reduces the folds of a search, including the first trial.

    Args:
        leads: true lead of the best earlier configuration over each further trial, as UAR in [0,
            1].
        noise: standard deviation of the lead on one fold.
        limit: greatest share of equal configurations that may be lost.
        folds: number of folds of a complete trial.
        first: share of the first fold after which its result is assumed to be known.
    """
    low, high = 1e-3, 1e3
    for _ in range(30):
        price = math.sqrt(low * high)
        if best_rule(leads, noise, price, folds, first).lost > limit:
            low = price
        else:
            high = price
    run = folds + float(best_rule(leads, noise, high, folds, first).folds.sum())
    return folds * (len(leads) + 1) / run


def best_rule(
    leads: Sequence[float], noise: float, price: float, folds: int = 5, first: float = 1.0
) -> Rule:
    """The rule that is best where losing an equal configuration costs ``price`` folds.

    Args:
        leads: as for `most_saved`, with equal probabilities.
        noise: standard deviation of the lead on one fold.
        price: price of losing an equal configuration, in folds.
        folds: number of folds of a complete trial.
        first: share of the first fold after which its result is assumed to be known.
    """
    true = np.array([*leads, 0.0])[:, None]
    shares = np.r_[np.full(len(leads), 1 / len(leads)), 0.0][:, None]
    prices = np.r_[np.zeros(len(leads)), price][:, None]
    moves = norm.pdf(SUMS[None, None, :] - SUMS[None, :, None], true[:, :, None], noise) * STEP
    further = np.zeros((len(true), len(SUMS)))
    lost = np.zeros_like(further)
    for look in range(folds - 1, 0, -1):
        density = norm.pdf(SUMS, look * true, noise * math.sqrt(look))
        rest = 1 - first if look == 1 else 0.0
        go_on = 1 + rest + np.einsum("hst,ht->hs", moves, further)
        lost_later = np.einsum("hst,ht->hs", moves, lost)
        ended = (prices * density).sum(axis=0)
        continued = (density * (shares * go_on + prices * lost_later)).sum(axis=0)
        prune = ended < continued
        further = np.where(prune, 0.0, go_on)
        lost = np.where(prune, 1.0, lost_later)
    start = norm.pdf(SUMS, true, noise) * STEP
    run = first + (start * further).sum(axis=1)
    return Rule(run[:-1], float((start * lost).sum(axis=1)[-1]))
