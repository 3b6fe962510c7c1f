"""Simulated configurations, and which clips of each fold they predict correctly.

Some clips are difficult for all configurations, so that the UAR of a fold of `CLIPS` clips, about
`UAR`, has the standard deviation `NOISE` over configurations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from serbench.search.propose import generation_of
from serbench.search.pruning import behind, lead_variance

EMOTIONS, CLIPS, UAR, NOISE = 6, 108, 0.45, 0.04
TARGETS = np.arange(CLIPS) % EMOTIONS

Right = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def tried(
    random: np.random.Generator, better: Sequence[float], folds: int, repetitions: int
) -> Right:
    """Correct predictions of ``[repetitions, configurations, folds, clips]``."""
    difficulty = random.standard_normal((repetitions, 1, folds, CLIPS))
    shares = [expit(_level(UAR + each) + SPREAD * difficulty) for each in better]
    chances = np.concatenate(shares, axis=1)
    right: Right = random.random(chances.shape) < chances
    return right


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


def _mean(values: Floats) -> float:
    """Expectation over a standard normal, from values at the nodes."""
    return float(values @ WEIGHTS / WEIGHTS.sum())


def _level(share: float, spread: float | None = None) -> float:
    """The logit of clips of medium difficulty, given the share of correct predictions."""
    spread = SPREAD if spread is None else spread
    return float(brentq(lambda level: _mean(expit(level + spread * NODES)) - share, -20, 20))


def _noise(spread: float) -> float:
    """The standard deviation of the UAR of a fold over configurations."""
    chances = expit(_level(UAR, spread) + spread * NODES)
    return float(np.sqrt(_mean(chances * (1 - chances)) / CLIPS))


SPREAD = float(brentq(lambda spread: _noise(spread) - NOISE, 0.1, 10))
"""The standard deviation of the difficulty of clips, on the logit scale."""


def variance_alone(right: Right) -> Floats:
    """The variance of a UAR if its clips were independent, ``[..., n]`` to ``[...]``."""
    clips = CLIPS / EMOTIONS
    counts = np.stack([right[..., each == TARGETS].sum(axis=-1) for each in range(EMOTIONS)], -1)
    recalls = (counts + 1) / (clips + 2)
    variance: Floats = (recalls * (1 - recalls) / clips).sum(-1) / EMOTIONS**2
    return variance


def leads_over_others(uars: Floats, best: npt.NDArray[np.int64]) -> Floats:
    """Leads of the best configuration over the others.

    Args:
        uars: ``[repetitions, configurations, folds]``.
        best: index of the best configuration ``[repetitions]``.
    """
    repetitions, configurations, folds = uars.shape
    rows = np.arange(repetitions)
    other = np.arange(configurations) != best[:, None]
    leads = uars[rows, best][:, None] - uars
    return leads[other].reshape(repetitions, configurations - 1, folds)


def simulated_searches(
    random: np.random.Generator, mix: Sequence[float], searches: int, folds: int = 5
) -> list[tuple[float, float]]:
    """Numbers of folds of searches without pruning and with pruning between folds."""
    pairs = []
    for _ in range(searches):
        simulated = tried(random, mix, folds, 1)[0]
        uars = simulated.mean(axis=-1)
        complete: list[int] = []
        early = 0
        for number in range(len(mix)):
            before = [each for each in complete if each < generation_of(number).start]
            looks = folds
            if before:
                best = max(before, key=lambda each: float(uars[each].mean()))
                leads = uars[best] - uars[number]
                variances = lead_variance(simulated[best], simulated[number], TARGETS)
                others = uars[best] - uars[[each for each in before if each != best]]
                looks = next(
                    look
                    for look in range(1, folds + 1)
                    if look == folds or behind(leads[:look], variances[:look], others)
                )
            early += looks
            if looks == folds:
                complete.append(number)
        pairs.append((float(folds * len(mix)), float(early)))
    return pairs
