"""The metrics of the field: UA, WA, macro-F1, calibration error, log loss, area under the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from serbench import hookimpl
from serbench.score.calibration import expected_calibration_error, log_losses
from serbench.score.confusion import (
    CountMetric,
    confusion_of,
    ratios_of_counts,
    score_counts,
    tally,
)
from serbench.score.metric import (
    Floats,
    Logits,
    Metric,
    Ratios,
    Speakers,
    Targets,
    require_scorable,
)


@dataclass(frozen=True)
class CountedMetric:
    """A metric of the confusion matrix: mean recall (UA), accuracy (WA) or macro-F1."""

    name: CountMetric
    label: str
    higher_is_better: bool = True
    share: bool = True

    def score(self, logits: Logits, targets: Targets) -> float:
        """The metric over the emotions that occur."""
        return score_counts(confusion_of(logits, targets), self.name)

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> Ratios:
        """A ratio for each emotion that occurs; for accuracy a single ratio."""
        return ratios_of_counts(tally(logits, targets, speakers).counts, self.name)


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error in 15 bins of equal width.

    Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", ICML.
    """

    name: str = "ece"
    label: str = "ECE"
    higher_is_better: bool = False
    share: bool = True

    def score(self, logits: Logits, targets: Targets) -> float:
        """Mean absolute difference of accuracy and confidence."""
        return expected_calibration_error(logits, targets)

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> None:
        """None, because the error of a bin is the absolute value of a sum over all speakers."""


@dataclass(frozen=True)
class LogLoss:
    """Mean negative log-likelihood of the true emotion, in nats."""

    name: str = "log_loss"
    label: str = "log loss"
    higher_is_better: bool = False
    share: bool = False

    def score(self, logits: Logits, targets: Targets) -> float:
        """The mean over clips."""
        return float(log_losses(logits, targets).mean())

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> Ratios:
        """One ratio: the sum of the losses over the number of clips."""
        _, speaker, clips = np.unique(speakers, return_inverse=True, return_counts=True)
        losses = np.zeros(len(clips))
        np.add.at(losses, speaker, log_losses(logits, targets))
        return Ratios(losses[:, None], clips[:, None].astype(np.float64))


@dataclass(frozen=True)
class AreaUnderCurve:
    """Area under the ROC curve, each emotion against the rest, mean over the emotions that occur.

    Sources: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic curve", Radiology 143, for the area as the Mann–Whitney statistic, in which a
    tie counts half; Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters
    27, section 10, for several classes. Where only one emotion occurs, there is no other emotion to
    rank it against, and the area is set to that of chance, 0.5.
    """

    name: str = "auc"
    label: str = "AUC"
    higher_is_better: bool = True
    share: bool = True

    def score(self, logits: Logits, targets: Targets) -> float:
        """The mean over emotions."""
        require_scorable(logits, targets)
        occurring = np.unique(targets)
        if len(occurring) == 1:
            return 0.5
        probabilities = softmax(logits.astype(np.float64), axis=1)
        areas = [_area(probabilities[:, each], targets == each) for each in occurring]
        return float(np.mean(areas))

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> None:
        """None, because clips are ranked against clips of other speakers."""


def _area(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Share of pairs of a positive and a negative clip in which the positive has the higher score.

    Args:
        scores: ``[n]``.
        positive: True where the emotion is the true one ``[n]``; both values must occur.
    """
    _, place, alike = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(alike) - (alike - 1) / 2)[place]  # equal scores get their mean rank
    positives = int(positive.sum())
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(scores) - positives)))


@hookimpl
def register_metrics(register: Callable[[Metric], None]) -> None:
    """Register the six metrics; the first one decides which configuration wins."""
    register(CountedMetric("uar", "UA"))
    register(CountedMetric("accuracy", "WA"))
    register(CountedMetric("macro_f1", "macro-F1"))
    register(CalibrationError())
    register(LogLoss())
    register(AreaUnderCurve())
