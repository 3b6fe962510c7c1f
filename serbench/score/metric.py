"""The interface of a metric: a score of logits and, where possible, ratios of sums by speaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.floating[Any]]
Targets = npt.NDArray[np.int64]
Speakers = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]

CORRECTED = "corrected_cv"
"""Evidence: all clips, each tested by a network that was not trained on its speaker; the score is
corrected for the selection of the winner on the same clips."""

CROSS_VALIDATION = "cv"
"""Evidence: a mean over the folds by which the winner was chosen."""

POOLED_FOLDS = "cv_pooled"
"""Evidence: a score on the clips of all those folds together."""


def require_scorable(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> None:
    """Refuse logits and targets for which no metric is defined.

    Logits may be minus infinity, the logarithm of a probability of 0, but neither NaN nor plus
    infinity, for which the softmax is undefined.

    Args:
        logits: ``[n, C]``.
        targets: emotion codes ``[n]``.

    Raises:
        ValueError: there is no clip, the two differ in length, or logits are NaN or infinite.
    """
    if len(logits) != len(targets):
        raise ValueError(f"{len(logits)} rows of logits and {len(targets)} targets")
    if len(targets) == 0:
        raise ValueError("no clips to score")
    if not (logits < np.inf).all():
        raise ValueError("logits are NaN or infinite")


@dataclass(frozen=True, eq=False)
class Ratios:
    """A metric as the mean of K ratios of sums over speakers.

    Attributes:
        numerators: ``[S, K]``, one row per speaker, in the order of ``numpy.unique``.
        denominators: ``[S, K]``, in the same order; the sum of every column is greater than 0.
    """

    numerators: Floats
    denominators: Floats

    @property
    def value(self) -> float:
        """The metric over all speakers together."""
        return float((self.numerators.sum(axis=0) / self.denominators.sum(axis=0)).mean())


class Metric(Protocol):
    """What a metric plugin registers."""

    @property
    def name(self) -> str:
        """The key in JSON and in the database, such as ``uar``."""

    @property
    def label(self) -> str:
        """The heading of a table's column, such as ``UA``."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""

    @property
    def share(self) -> bool:
        """True for a share in [0, 1], shown as a percentage; its interval is on the logit scale."""

    def score(self, logits: Logits, targets: Targets) -> float:
        """The metric of logits ``[n, C]`` against emotion codes ``[n]``; never NaN.

        Raises:
            ValueError: there is nothing to score (`require_scorable`).
        """

    def ratios(self, logits: Logits, targets: Targets, speakers: Speakers) -> Ratios | None:
        """The metric as ratios by speaker, or None where it cannot be written as such.

        Without ratios, the metric is computed from the clips of every bootstrap draw. Every draw
        contains every emotion of ``targets``. A metric with a denominator that can still be 0, such
        as the number of clips with one predicted emotion, must return None.
        """


class Score(NamedTuple):
    """A metric of a system under a protocol.

    Attributes:
        value: in the metric's unit.
        low: lower end of its 95 % interval over speakers; None where none can be computed, as for
            a mean over folds.
        high: upper end.
        spread: standard deviation over folds, where the evidence is cross-validation.
    """

    value: float
    low: float | None = None
    high: float | None = None
    spread: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)
