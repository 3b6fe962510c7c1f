"""Rejection of uncertain predictions: the scores of the clips that are still answered.

A clip is answered if its confidence, the probability of the predicted emotion, is at least a
threshold; otherwise it is rejected. The coverage of a threshold is the share of answered clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from serbench.score.confusion import tally
from serbench.score.intervals import tally_interval
from serbench.score.metric import Floats, Logits, Score, Speakers, require_scorable
from serbench.score.resampling import draws

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
"""The coverages for which thresholds are shown."""


@dataclass(frozen=True, eq=False)
class RejectionCurve:
    """The scores of the answered clips as the threshold falls: K thresholds, one per confidence.

    Source: El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification",
    Journal of Machine Learning Research 11.

    Attributes:
        thresholds: the different confidences ``[K]``, falling.
        answered: number of clips with at least that confidence ``[K]``.
        uar: mean recall of the answered clips ``[K]``, over the emotions that occur among them.
        accuracy: share of correct predictions among the answered clips ``[K]``.
    """

    thresholds: Floats
    answered: npt.NDArray[np.int64]
    uar: Floats
    accuracy: Floats

    @property
    def coverage(self) -> Floats:
        """Share of answered clips ``[K]``."""
        share: Floats = self.answered / self.answered[-1]
        return share

    @property
    def area(self) -> float:
        """Area under accuracy against coverage: the mean accuracy over all coverages.

        It is 1 minus the area under the risk-coverage curve (Geifman and El-Yaniv 2017, "Selective
        classification for deep neural networks", NeurIPS).
        """
        return float(np.diff(self.answered, prepend=0) @ self.accuracy / self.answered[-1])

    def threshold_at(self, coverage: float) -> float:
        """The highest threshold at which at least this share of the clips is answered."""
        return float(self.thresholds[np.argmax(self.answered >= coverage * self.answered[-1])])


@dataclass(frozen=True)
class RejectionPoint:
    """The answered clips at one threshold.

    Attributes:
        coverage: share of answered clips.
        confidence: the threshold, which is the least confidence of an answered clip.
        clips: their number.
        uar: mean recall over the emotions that occur among them.
        accuracy: share of correct predictions among them.
    """

    coverage: float
    confidence: float
    clips: int
    uar: Score
    accuracy: Score


def confidence_of(logits: Logits) -> Floats:
    """The probability of the predicted emotion of each clip ``[n]``."""
    highest: Floats = softmax(logits.astype(np.float64), axis=1).max(axis=1)
    return highest


def rejection_curve(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> RejectionCurve:
    """Scores of the answered clips for every threshold.

    Args:
        logits: calibrated logits ``[n, C]``.
        targets: index ``[n]`` of the true emotion.

    Raises:
        ValueError: there is nothing to score (`require_scorable`).
    """
    require_scorable(logits, targets)
    confidence = confidence_of(logits)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    true = np.eye(logits.shape[1])[targets[order]]
    right = true * (logits.argmax(axis=1) == targets)[order, None]
    last = np.append(confidence[1:] < confidence[:-1], True)  # clips of equal confidence together
    of_emotion, correct = true.cumsum(axis=0)[last], right.cumsum(axis=0)[last]
    answered = np.flatnonzero(last).astype(np.int64) + 1
    recalls = np.divide(correct, of_emotion, out=np.zeros_like(correct), where=of_emotion > 0)
    return RejectionCurve(
        thresholds=confidence[last],
        answered=answered,
        uar=recalls.sum(axis=1) / (of_emotion > 0).sum(axis=1),
        accuracy=correct.sum(axis=1) / answered,
    )


def rejection_points(
    curve: RejectionCurve,
    logits: Logits,
    targets: npt.NDArray[np.integer[Any]],
    speakers: Speakers,
    coverages: Sequence[float] = COVERAGES,
) -> list[RejectionPoint]:
    """The answered clips at some coverages, with intervals over speakers.

    The intervals hold for a threshold that does not depend on the drawn speakers.

    Args:
        curve: the curve of these logits.
        logits: calibrated logits ``[n, C]``.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker ``[n]``.
        coverages: shares of clips to answer, falling; more are answered where confidences are
            equal, and coverages with the same answered clips have one point.
    """
    confidence, points = confidence_of(logits), []
    for threshold in dict.fromkeys(curve.threshold_at(coverage) for coverage in coverages):
        inside = confidence >= threshold
        place = int(np.flatnonzero(curve.thresholds == threshold)[0])
        counted = tally(logits[inside], targets[inside], speakers[inside])
        drawn = draws(counted.clips)
        uar = tally_interval(counted, "uar", drawn) or (None, None)
        accuracy = tally_interval(counted, "accuracy", drawn) or (None, None)
        points.append(
            RejectionPoint(
                coverage=float(curve.coverage[place]),
                confidence=threshold,
                clips=int(inside.sum()),
                uar=Score(float(curve.uar[place]), *uar),
                accuracy=Score(float(curve.accuracy[place]), *accuracy),
            )
        )
    return points
