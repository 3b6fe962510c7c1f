"""Comparison of two systems on the same speakers: their difference and its significance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import nctdtr, stdtr, stdtrit

from serbench.score.confusion import CountMetric, Tally, ratios_of_counts, score_counts
from serbench.score.intervals import (
    FEWEST_SPEAKERS,
    ROUNDING,
    Interval,
    alike_interval,
    half_width,
    standard_error,
)
from serbench.score.metric import Floats
from serbench.score.resampling import RESAMPLES, draws, effective_units, resampled


@dataclass(frozen=True)
class Difference:
    """The first system's score minus the second's.

    Attributes:
        difference: in [-1, 1].
        interval: its 95 % interval over speakers; None where none can be computed (see `draws`).
        standard_error: standard error of the difference; None where ``interval`` is None.
        p: two-sided p-value of the t-test that matches the interval, for the hypothesis of no
            difference; None where ``interval`` is None.
        speakers: number of speakers.
        effective: number of speakers with equally many clips that would give the same precision
            (see `effective_units`).
    """

    difference: float
    interval: Interval | None
    standard_error: float | None
    p: float | None
    speakers: int
    effective: float

    @property
    def distinguishable(self) -> bool:
        """Whether the interval excludes 0; False where there is no interval."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high


@dataclass(frozen=True)
class TTest:
    """A t-test over folds.

    Attributes:
        difference: mean over the folds.
        t: the mean difference divided by its standard error.
        degrees: degrees of freedom, the number of folds minus one.
        p: two-sided p-value.
        low: lower end of the 95 % interval of the mean difference.
        high: upper end.
    """

    difference: float
    t: float
    degrees: int
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Bootstrapped:
    """A score of one system on the tested clips and on the bootstrap draws of a `Bootstrap`.

    Attributes:
        score: score on the tested clips.
        resampled: score on each draw ``[resamples]``; None where there are no draws.
        speakers: number of speakers.
        effective: number of speakers with equally many clips that would give the same precision.
    """

    score: float
    resampled: Floats | None = field(repr=False, compare=False)
    speakers: int
    effective: float

    def minus(self, other: Bootstrapped) -> Difference:
        """Compare two systems of one `Bootstrap` by subtracting their scores on each draw.

        The interval is a Student's t interval about the difference, limited to [-1, 1]; its degrees
        of freedom are the number of effective speakers minus one. Where all speakers have the same
        difference, no variance can be estimated: the interval is that of `alike_interval`, and p is
        the level at which this interval reaches 0.
        """
        difference = _unless_rounding(self.score - other.score)
        if self.resampled is None or other.resampled is None:
            return Difference(difference, None, None, None, self.speakers, self.effective)
        error = standard_error(self.resampled - other.resampled, self.effective)
        if error == 0:
            alike = alike_interval(difference, self.effective, lowest=-1)
            p = float((1 + abs(difference)) ** -self.effective)
            return Difference(difference, alike, error, p, self.speakers, self.effective)
        degrees = self.effective - 1
        half = half_width(error, degrees)
        interval = Interval(max(difference - half, -1.0), min(difference + half, 1.0))
        _, p = _t_and_p(difference, error, degrees)
        return Difference(difference, interval, error, p, self.speakers, self.effective)


class Bootstrap:
    """Score systems that were tested on the same clips, all on the same draws of speakers.

    Any two of them can then be compared with `Bootstrapped.minus`, which only subtracts.

    Args:
        first: one of the systems; all others must have the same speakers and clips.
        metric: the metric to compute.
        seed: seed of the draws.
        resamples: number of draws.
    """

    def __init__(
        self, first: Tally, metric: CountMetric = "uar", seed: int = 0, resamples: int = RESAMPLES
    ) -> None:
        self._speakers, self._clips, self._metric = first.speakers, first.clips, metric
        self._drawn = draws(self._clips, seed, resamples)
        self._effective = effective_units(self._clips)

    def of(self, counted: Tally) -> Bootstrapped:
        """Score one system.

        Raises:
            ValueError: it differs from the first system in its speakers, or in the number of clips
                of a speaker and an emotion.
        """
        if counted.speakers != self._speakers or not np.array_equal(counted.clips, self._clips):
            raise ValueError(
                "only systems tested on the same clips of the same speakers are compared"
            )
        scores = None
        if self._drawn is not None:
            scores = resampled(ratios_of_counts(counted.counts, self._metric), self._drawn)
        return Bootstrapped(
            score_counts(counted.confusion, self._metric),
            scores,
            len(self._speakers),
            self._effective,
        )


def tally_difference(
    a: Tally, b: Tally, metric: CountMetric = "uar", seed: int = 0, resamples: int = RESAMPLES
) -> Difference:
    """Difference of ``a`` and ``b`` by the paired bootstrap over speakers.

    Args:
        a: the first system.
        b: the second system, whose score is subtracted.
        metric: the metric to compute.
        seed: seed of the draws.
        resamples: number of draws.

    Raises:
        ValueError: the two differ in their speakers, or in the number of clips of a speaker and an
            emotion.
    """
    shared = Bootstrap(a, metric, seed, resamples)
    return shared.of(a).minus(shared.of(b))


def corrected_t_test(
    differences: Sequence[float] | npt.NDArray[np.float64], n_train: float, n_test: float
) -> TTest:
    """The corrected resampled t-test over folds.

    Source: Nadeau and Bengio 2003, "Inference for the generalization error", Machine Learning 52.
    Folds share training clips, so their differences are not independent; the variance of their
    mean is estimated by s² · (1/k + n_test/n_train). Where the difference is the same on all folds,
    the variance is 0: t is then infinite and p is 0, or, where the difference is 0, t is 0 and p is
    1.

    Args:
        differences: first system's score minus the second's on each of k folds.
        n_train: training clips of a fold (their mean, where folds differ).
        n_test: test clips of a fold.

    Raises:
        ValueError: there are fewer than two folds, or a fold without clips.
    """
    each = np.asarray(differences, dtype=np.float64)
    if len(each) < 2:
        raise ValueError("a t-test over folds needs two folds or more")
    if n_train <= 0 or n_test <= 0:
        raise ValueError("every fold must have clips to train and to test on")
    degrees, mean = len(each) - 1, _unless_rounding(float(each.mean()))
    variance = 0.0 if np.ptp(each) < ROUNDING else float(each.var(ddof=1))
    error = float(np.sqrt(variance * (1 / len(each) + n_test / n_train)))
    t, p = _t_and_p(mean, error, degrees)
    half = half_width(error, degrees)
    return TTest(mean, t, degrees, p, mean - half, mean + half)


def smallest_difference(
    standard_error: float, speakers: float, power: float = 0.8, significance: float = 0.05
) -> float:
    """The smallest true difference that a test with so many speakers is likely to detect.

    A true difference of this size is detected, with the right sign, by the two-sided t-test of
    `tally_difference` with the given power (non-central t, speakers minus one degrees of
    freedom). The standard error is that of one pair of systems: the more two systems agree, the
    smaller the difference that can be detected.

    Args:
        standard_error: `Difference.standard_error` of the pair.
        speakers: `Difference.effective` of the pair.
        power: probability that the test detects it; greater than ``significance``.
        significance: probability that the test detects a difference where there is none.

    Returns:
        In the unit of ``standard_error``. For shares it may exceed 1: then no difference can be
        detected.

    Raises:
        ValueError: there are fewer than two speakers, or one speaker has nearly all clips.
    """
    if speakers < FEWEST_SPEAKERS:
        raise ValueError("there are too few speakers to detect a difference between systems")
    degrees = speakers - 1
    critical = -stdtrit(degrees, significance / 2)
    # The power increases with the shift, from the significance to 1: bisect.
    low, high = 0.0, 2 * critical + 10
    while high - low > ROUNDING * high:
        shift = (low + high) / 2
        if 1 - nctdtr(degrees, shift, critical) < power:
            low = shift
        else:
            high = shift
    return float(standard_error * high)


def _unless_rounding(difference: float) -> float:
    """The difference, or 0 where it is only a rounding error of sums in different order."""
    return 0.0 if abs(difference) < ROUNDING else difference


def _t_and_p(mean: float, error: float, degrees: float) -> tuple[float, float]:
    """Student's t of a mean, and its two-sided p-value."""
    if error == 0:
        return (0.0, 1.0) if mean == 0 else (float(np.copysign(np.inf, mean)), 0.0)
    t = mean / error
    return t, float(2 * stdtr(degrees, -abs(t)))
