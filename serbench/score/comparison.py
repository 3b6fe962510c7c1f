"""Comparison of two systems on the same speakers: their difference and its significance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr, stdtr

from serbench.score.confusion import CountMetric, Tally, ratios_of_counts
from serbench.score.intervals import (
    CONFIDENCE,
    ROUNDING,
    Interval,
    alike_interval,
    half_width,
    standard_error,
)
from serbench.score.metric import Floats
from serbench.score.resampling import RESAMPLES, draws, effective_units, resampled_together


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

    def minus(self, other: Bootstrapped, confidence: float = CONFIDENCE) -> Difference:
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
            alike = alike_interval(difference, self.effective, -1.0, confidence)
            p = float((1 + abs(difference)) ** -self.effective)
            return Difference(difference, alike, error, p, self.speakers, self.effective)
        degrees = self.effective - 1
        half = half_width(error, degrees, confidence)
        interval = Interval(max(difference - half, -1.0), min(difference + half, 1.0))
        p = float(2 * stdtr(degrees, -abs(difference) / error))
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
        [found] = self.of_all([counted])
        return found

    def of_all(self, tallies: Sequence[Tally]) -> list[Bootstrapped]:
        """Score systems; many are scored by one product of matrices where their clips allow it.

        Raises:
            ValueError: see `of`.
        """
        if not tallies:
            return []
        speakers, emotions = self._clips.shape
        alike = all(
            counted.speakers == self._speakers and counted.counts.shape[-1] == emotions
            for counted in tallies
        )
        counts = np.stack([counted.counts for counted in tallies]) if alike else None  # [n,S,C,C]
        if counts is None or not (counts.sum(axis=-1) == self._clips).all():
            raise ValueError(
                "only systems tested on the same clips of the same speakers are compared"
            )
        each = ratios_of_counts(counts.sum(axis=1), self._metric)
        scores = (each.numerators / each.denominators).mean(axis=1).tolist()
        drawn: Sequence[Floats | None] = [None] * len(tallies)
        if self._drawn is not None:
            by_speaker = ratios_of_counts(counts.reshape(-1, emotions, emotions), self._metric)
            drawn = list(resampled_together(by_speaker, len(tallies), self._drawn))
        return [
            Bootstrapped(score, found, speakers, self._effective)
            for score, found in zip(scores, drawn, strict=True)
        ]


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


def differences(pairs: Sequence[tuple[Bootstrapped, Bootstrapped]]) -> list[Difference]:
    """The differences of several pairs of systems of one `Bootstrap`, corrected for their number.

    All intervals together contain the true differences with a probability of 95 % (`shared_level`).
    The p-values are corrected by the method of Holm 1979, "A simple sequentially rejective multiple
    test procedure", Scandinavian Journal of Statistics 6. With one pair, both are those of
    `Bootstrapped.minus`.

    Args:
        pairs: systems; the score of the second one of each pair is subtracted.
    """
    confidence = 1 - shared_level(pairs)
    corrected = holm([one.minus(other).p for one, other in pairs])
    return [
        replace(one.minus(other, confidence), p=p)
        for (one, other), p in zip(pairs, corrected, strict=True)
    ]


def shared_level(pairs: Sequence[tuple[Bootstrapped, Bootstrapped]]) -> float:
    """The level of each of several intervals at which all of them together hold at 95 %.

    The greatest of all deviations of a draw, in standard errors, has a 95 % quantile over the
    draws (max-t; Westfall and Young 1993, "Resampling-based multiple testing", chapter 2). The
    level that belongs to it lies between that of one interval and that of Bonferroni; it is greater
    than the latter, because the scores of systems on a draw of speakers are correlated.
    """
    single, moving, greatest = 1 - CONFIDENCE, 0, np.zeros(0)
    for one, other in pairs:
        if one.resampled is None or other.resampled is None:
            continue
        apart = one.resampled - other.resampled
        if np.ptp(apart) >= ROUNDING:
            moving += 1
            deviations = np.abs(apart - apart.mean()) / apart.std()
            greatest = deviations if moving == 1 else np.maximum(greatest, deviations)
    if moving <= 1:
        return single
    level = float(2 * ndtr(-np.quantile(greatest, CONFIDENCE)))
    return min(max(level, single / moving), single)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected by Holm's method; those that are None are no tests and stay None."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    found: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for step, (p, place) in enumerate(known):
        highest = max(highest, min(p * (len(known) - step), 1.0))
        found[place] = highest
    return found


def _unless_rounding(difference: float) -> float:
    """The difference, or 0 where it is only a rounding error of sums in different order."""
    return 0.0 if abs(difference) < ROUNDING else difference
