"""The most that any rule of pruning can save, given how often it may lose an equal configuration.

The lead of the best configuration over another one varies from fold to fold as a normal variable
around the true lead. With the variance and all true leads known, the rule that saves most for its
error is a Bayes rule: it ends a configuration where that costs less than to go on, where to lose an
equal one has a price. Its regions are found by backward induction over the folds (DeGroot,
*Optimal Statistical Decisions*, 1970, chapter 12), the price by bisection. A rule that must learn
the leads from the folds, as every real one must, saves less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Floats = npt.NDArray[np.float64]

STEP = 0.005
REACH = 0.9
SUMS: Floats = np.arange(-REACH, REACH + STEP / 2, STEP)
"""Sums of leads for which the decision is computed."""


@dataclass(frozen=True)
class Rule:
    """What the best rule for one price does.

    Attributes:
        folds: that it is expected to run of each configuration, ``[n]``.
        lost: how often it loses an equal configuration.
    """

    folds: Floats
    lost: float


def most_saved(
    leads: Sequence[float], noise: float, limit: float, folds: int = 5, first: float = 1.0
) -> float:
    """How many times fewer folds a search runs with the best rule, its first trial included.

    Args:
        leads: true leads of the best configuration before each further trial, as shares of 1.
        noise: standard deviation of the lead on one fold.
        limit: how often an equal configuration may be lost.
        folds: of a complete trial.
        first: the part of the first fold after which as much is known as after all of it.
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
        leads: as for `most_saved`, each as likely as the others.
        noise: standard deviation of the lead on one fold.
        price: of losing an equal configuration, in folds.
        folds: of a complete trial.
        first: the part of the first fold after which as much is known as after all of it.
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
