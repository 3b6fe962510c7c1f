"""The metrics of the field: UA, WA, macro-F1, calibration error, log loss, area under the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from serbench import hookimpl
from serbench.score.calibration import expected_calibration_error
from serbench.score.confusion import (
    CountMetric,
    confusion_of,
    ratios_of_counts,
    score_counts,
    tally,
)
from serbench.score.metric import Logits, Metric, Ratios, Speakers, Targets


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
        """A ratio for each emotion that occurs; one for accuracy."""
        return ratios_of_counts(tally(logits, targets, speakers).counts, self.name)


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error in 15 bins (Guo et al. 2017)."""

    name: str = "ece"
    label: str = "ECE"
    higher_is_better: bool = False
    share: bool = True

    def score(self, logits: Logits, targets: Targets) -> float:
        """Mean distance of accuracy and confidence."""
        return expected_calibration_error(logits, targets)

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> None:
        """None: the bins of other speakers hold other clips."""


@dataclass(frozen=True)
class LogLoss:
    """Mean negative log-likelihood of the true emotion, in nats."""

    name: str = "log_loss"
    label: str = "log loss"
    higher_is_better: bool = False
    share: bool = False

    def score(self, logits: Logits, targets: Targets) -> float:
        """The mean over clips."""
        return float(self._losses(logits, targets).mean())

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> Ratios:
        """One ratio: the sum of losses over the number of clips."""
        _, speaker = np.unique(speakers, return_inverse=True)
        losses = np.bincount(speaker, weights=self._losses(logits, targets))
        return Ratios(losses[:, None], np.bincount(speaker).astype(np.float64)[:, None])

    @staticmethod
    def _losses(logits: Logits, targets: Targets) -> np.ndarray:
        if len(targets) == 0:
            raise ValueError("no clips to score")
        every = np.arange(len(targets))
        losses: np.ndarray = -log_softmax(logits.astype(np.float64), axis=1)[every, targets]
        return losses


@dataclass(frozen=True)
class AreaUnderCurve:
    """Area under the ROC curve, one emotion against the rest, mean over the emotions that occur.

    Each is the Mann–Whitney statistic of the emotion's probability, ties counted half (Hanley and
    McNeil 1982, "The meaning and use of the area under a receiver operating characteristic
    curve", Radiology 143). Where one emotion only occurs there is nothing to rank against: 0.5.
    """

    name: str = "auc"
    label: str = "AUC"
    higher_is_better: bool = True
    share: bool = True

    def score(self, logits: Logits, targets: Targets) -> float:
        """The mean over emotions."""
        from scipy.stats import rankdata  # slow to import, and not needed to name a metric

        if len(targets) == 0:
            raise ValueError("no clips to score")
        probabilities = softmax(logits.astype(np.float64), axis=1)
        areas = []
        for emotion in np.unique(targets):
            positive = targets == emotion
            few, many = int(positive.sum()), int((~positive).sum())
            if many == 0:
                return 0.5
            ranks = rankdata(probabilities[:, emotion])
            areas.append((ranks[positive].sum() - few * (few + 1) / 2) / (few * many))
        return float(np.mean(areas))

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> None:
        """None: ranks among other speakers are other ranks."""


@hookimpl
def register_metrics(register: Callable[[Metric], None]) -> None:
    """Register the six, the one that winners are chosen by first."""
    register(CountedMetric("uar", "UA"))
    register(CountedMetric("accuracy", "WA"))
    register(CountedMetric("macro_f1", "macro-F1"))
    register(CalibrationError())
    register(LogLoss())
    register(AreaUnderCurve())
