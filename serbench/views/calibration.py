"""The calibration of an entry: its temperature, what it changes, and rejection by confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from serbench.score.calibration import (
    Reliability,
    cross_fitted,
    fit_temperature,
    log_losses,
    reliability,
)
from serbench.score.metric import Logits, Speakers, Targets
from serbench.score.rejection import (
    RejectionCurve,
    RejectionPoint,
    rejection_curve,
    rejection_points,
)
from serbench.store.database import Database
from serbench.store.systems import Systems


@dataclass(frozen=True)
class Agreement:
    """How well probabilities agree with the share of correct predictions.

    Attributes:
        ece: expected calibration error, in [0, 1].
        log_loss: mean negative logarithm of the probability of the true emotion.
        reliability: confidence and accuracy of each bin with at least one clip.
    """

    ece: float
    log_loss: float
    reliability: list[dict[str, float]]


@dataclass(frozen=True)
class CalibrationView:
    """The calibration of an entry on its tested clips.

    Attributes:
        temperature: temperature fitted on all tested clips, which ``serbench predict`` uses.
        before: agreement of the probabilities without calibration.
        after: agreement after calibration; the probabilities of each speaker use a temperature that
            was fitted on other speakers. None where only one speaker was tested.
        rejection: scores of the answered clips at some coverages, after calibration; empty where
            only one speaker was tested.
        rejection_area: mean accuracy over all coverages, or None.
        curve: scores at all thresholds, or None; not part of the plain data.
    """

    temperature: float
    before: Agreement
    after: Agreement | None
    rejection: tuple[RejectionPoint, ...]
    rejection_area: float | None
    curve: RejectionCurve | None = field(repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the key ``calibration`` of an entry's details."""
        return {
            "temperature": self.temperature,
            "before": asdict(self.before),
            "after": None if self.after is None else asdict(self.after),
            "rejection": [
                {
                    "coverage": point.coverage,
                    "confidence": point.confidence,
                    "clips": point.clips,
                    "uar": point.uar.value,
                    "uar_ci": point.uar.interval,
                    "accuracy": point.accuracy.value,
                    "accuracy_ci": point.accuracy.interval,
                }
                for point in self.rejection
            ],
            "rejection_area": self.rejection_area,
        }


def calibration_view(logits: Logits, targets: Targets, speakers: Speakers) -> CalibrationView:
    """The calibration of the tested clips of an entry.

    Args:
        logits: ``[n, C]``, as stored.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker ``[n]``.
    """
    calibrated = cross_fitted(logits, targets, speakers)
    curve = None if calibrated is None else rejection_curve(calibrated, targets)
    return CalibrationView(
        temperature=fit_temperature(logits, targets),
        before=_agreement(logits, targets),
        after=None if calibrated is None else _agreement(calibrated, targets),
        rejection=(
            ()
            if calibrated is None or curve is None
            else tuple(rejection_points(curve, calibrated, targets, speakers))
        ),
        rejection_area=None if curve is None else curve.area,
        curve=curve,
    )


def entry_calibration(database: Database, number: int) -> CalibrationView:
    """The calibration of an entry.

    Raises:
        UsageError: there is no such entry, or it has no stored predictions.
    """
    return calibration_view(*Systems(database).tested(number))


def _agreement(logits: Logits, targets: Targets) -> Agreement:
    table = reliability(logits, targets)
    return Agreement(table.error, float(log_losses(logits, targets).mean()), _bins(table))


def _bins(table: Reliability) -> list[dict[str, float]]:
    """The bins with at least one clip."""
    return [
        {
            "above": float(table.edges[place]),
            "to": float(table.edges[place + 1]),
            "confidence": float(table.confidence[place]),
            "accuracy": float(table.accuracy[place]),
            "clips": int(table.count[place]),
        }
        for place in range(len(table.count))
        if table.count[place]
    ]
