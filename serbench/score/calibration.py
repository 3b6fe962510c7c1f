"""Calibration: how well the probability of a prediction agrees with the share of correct ones.

Logits are calibrated with one temperature T, by which all of them are divided before the softmax.
The predicted emotion stays the same; only the probabilities change. Its effect is measured by
cross-fitting: the probabilities of each speaker use the temperature of other speakers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from serbench.score.metric import Floats, Logits, Speakers, require_scorable

BINS = 15

GROUPS = 20
"""Largest number of temperatures that are fitted for cross-fitting; more speakers share one."""

LARGEST = 1e4
"""The temperature is at most this number of times the mean difference between logits of a clip.

All emotions are then about equally probable: it is the temperature of a system that is no better
than chance. The smallest temperature is the same number of times smaller than that difference.
"""

PRECISION = 1e-12
"""The temperature is found to this relative precision."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Clips in bins of confidence, which is the probability of the predicted emotion.

    Attributes:
        edges: edges of the bins ``[bins + 1]``, from 0 to 1, at equal distances; a bin includes its
            upper edge and excludes its lower edge.
        confidence: mean confidence in each bin ``[bins]``; NaN where it is empty.
        accuracy: share of correct predictions in each bin ``[bins]``; NaN where it is empty.
        count: number of clips in each bin ``[bins]``.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    count: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute difference of accuracy and confidence."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(gaps @ self.count[filled] / self.count.sum())


def reliability(
    logits: Logits, targets: npt.NDArray[np.integer[Any]], bins: int = BINS
) -> Reliability:
    """Compare confidence and accuracy in bins.

    Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks",
    ICML, equations 2, 3 and 5.

    Args:
        logits: ``[n, C]``, before the softmax.
        targets: index ``[n]`` of the true emotion.
        bins: number of bins of equal width.

    Raises:
        ValueError: there is nothing to score (`require_scorable`), or no bin.
    """
    require_scorable(logits, targets)
    if bins < 1:
        raise ValueError("a reliability table needs one bin or more")
    probabilities = softmax(logits.astype(np.float64), axis=1)
    right = logits.argmax(axis=1) == targets
    confidence = probabilities.max(axis=1)
    edges = np.arange(bins + 1) / bins
    # A probability that rounding makes slightly greater than 1 belongs to the last bin.
    bin_of = np.searchsorted(edges[:-1], confidence, side="left") - 1
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bin_of, weights=confidence, minlength=bins) / count
        share = np.bincount(bin_of, weights=right, minlength=bins) / count
    return Reliability(edges, mean, share, count)


def expected_calibration_error(
    logits: Logits, targets: npt.NDArray[np.integer[Any]], bins: int = BINS
) -> float:
    """ECE of the predicted emotion, in [0, 1]; see `reliability` for arguments and errors."""
    return reliability(logits, targets, bins).error


def log_losses(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> Floats:
    """The negative logarithm of the probability of the true emotion ``[n]``, in nats.

    Args:
        logits: ``[n, C]``.
        targets: index ``[n]`` of the true emotion.

    Raises:
        ValueError: there is nothing to score (`require_scorable`).
    """
    require_scorable(logits, targets)
    losses: Floats = -log_softmax(logits.astype(np.float64), axis=1)
    chosen: Floats = losses[np.arange(len(targets)), targets]
    return chosen


def fit_temperature(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> float:
    """The temperature with the least log loss on clips that were not used for training.

    Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", ICML,
    section 4.2. Every clip has the same weight: the log loss of the tested clips then has its
    minimum where their probabilities are right on average. Other weights would calibrate for other
    shares of the emotions than those that were tested.

    The loss is convex in 1/T, so that T is found as the zero of its derivative. On clips without
    any error, the log loss alone would make T zero and every probability one. Therefore, as in
    Platt's rule (1999, "Probabilistic outputs for support vector machines"), each target is smooth:
    all clips together have one clip's weight on emotions chosen at random. If all logits are
    multiplied by a number, T is multiplied by the same number.

    Args:
        logits: ``[n, C]``; minus infinity is a probability of 0 at every temperature. Clips whose
            true emotion has this logit do not affect T.
        targets: index ``[n]`` of the true emotion.

    Raises:
        ValueError: there is nothing to fit (`require_scorable`).
    """
    require_scorable(logits, targets)
    logits = logits.astype(np.float64)
    usable = np.isfinite(logits[np.arange(len(targets)), targets])
    logits, targets = logits[usable], targets[usable]
    below = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    possible = np.isfinite(below)
    size = -below[possible].sum() / max(possible.sum(), 1)
    if size == 0:  # all emotions are equally probable at every temperature
        return 1.0
    scaled = np.where(possible, below / size, 0.0)
    smooth = 1 / (len(targets) + 1)
    wanted = (1 - smooth) * scaled[np.arange(len(targets)), targets]
    wanted += smooth * scaled.sum(axis=1) / possible.sum(axis=1)

    def slope(cooling: float) -> tuple[float, float]:
        """The derivative of the loss in 1/T, where ``cooling`` is the logarithm of size/T.

        Its own derivative in ``cooling``, the mean variance of the logits, is the second number.
        """
        weights = np.exp(np.exp(cooling) * scaled) * possible
        weights /= weights.sum(axis=1, keepdims=True)
        expected = (weights * scaled).sum(axis=1)
        variance = (weights * (scaled - expected[:, None]) ** 2).sum(axis=1)
        return float((expected - wanted).mean()), float(np.exp(cooling) * variance.mean())

    return float(size / np.exp(_zero(slope, np.log(LARGEST))))


def _zero(slope: Callable[[float], tuple[float, float]], limit: float) -> float:
    """The zero of a rising function in [-limit, limit], or the limit nearest to it.

    It is found by Newton's method, within bounds that bisection narrows: ``scipy.optimize`` takes
    longer to import than this takes.

    Args:
        slope: value of the function and of its derivative.
        limit: greater than 0.
    """
    low, high, place = -limit, limit, 0.0
    while high - low > PRECISION:
        value, rise = slope(place)
        low, high = (place, high) if value < 0 else (low, place)
        following = place - value / rise if rise > 0 else low
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - place) <= PRECISION:
            return following
        place = following
    return (low + high) / 2


def cross_fitted(
    logits: Logits, targets: npt.NDArray[np.integer[Any]], speakers: Speakers
) -> Floats | None:
    """Calibrated logits ``[n, C]``, those of each speaker with a temperature of other speakers.

    Their scores are those of a calibration for new speakers, since no clip's own label, and no
    label of another clip of its speaker, affects its probabilities. The speakers are divided into
    at most ``GROUPS`` groups; the temperature of a group is fitted on all other groups.

    Args:
        logits: ``[n, C]``.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker ``[n]``.

    Returns:
        None where there is only one speaker.

    Raises:
        ValueError: there is nothing to fit (`require_scorable`).
    """
    require_scorable(logits, targets)
    names, speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    calibrated = logits.astype(np.float64)
    group = speaker % GROUPS
    for each in np.unique(group):
        inside = group == each
        calibrated[inside] /= fit_temperature(logits[~inside], targets[~inside])
    return calibrated
