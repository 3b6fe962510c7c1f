"""Calibration: how well the probability of a prediction agrees with the share of correct ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from serbench.score.metric import Floats, Logits, require_scorable

BINS = 15


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
