"""95 % intervals of scores, by bootstrap over speakers.

The speakers are drawn again, whole, and the spread of the resampled scores gives the standard
error; the interval is Student's t with one degree of freedom less than there are speakers, of
shares on the logit scale (Efron and Tibshirani 1993, chapters 6 and 12; Davison and Hinkley 1997,
section 5.2). ``docs/explanation/statistics.md`` has its measured coverage beside that of other
intervals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtrit

from serbench.score.confusion import (
    CountMetric,
    Tally,
    ratios_of_counts,
    score_counts,
    tally,
)
from serbench.score.metric import Floats, Logits, Metric, Speakers, Targets
from serbench.score.resampling import (
    RESAMPLES,
    draws,
    effective_units,
    resampled,
    resampled_scores,
)

CONFIDENCE = 0.95

FEWEST_SPEAKERS = 1.5
"""With fewer effective speakers no difference can be shown, and the interval of a metric without
bounds is of no use: at half a degree of freedom it is some hundreds of standard errors wide."""

ROUNDING = 1e-12
"""Scores that differ by less differ by floating-point rounding only."""


class Interval(NamedTuple):
    """Both ends, in the metric's own unit; of shares 0.61 is 61 %."""

    low: float
    high: float


def interval_of(
    metric: Metric,
    logits: Logits,
    targets: Targets,
    speakers: Speakers,
    value: float,
    drawn: Floats | None,
) -> Interval | None:
    """The range of a metric on other speakers of this kind.

    Every resample has every emotion that was tested (see `draws`). Each interval includes its
    score; that of a share lies inside [0, 1]. Where all speakers score alike, as with a perfect
    score, there is no spread to measure: see `alike_interval`.

    Args:
        metric: which one.
        logits: ``[n, C]``.
        targets: ``[n]``.
        speakers: ``[n]``.
        value: the metric of all clips.
        drawn: how often each speaker was drawn ``[resamples, S]``, from `draws`; systems tested
            on the same clips share it.

    Returns:
        None where no interval can be given: one speaker only, emotions of so few speakers that
        hardly a draw has them all, or, unless the metric is a share, one speaker with nearly all
        clips, or speakers who all score alike.

    Raises:
        PluginError: the metric of a draw is NaN or infinite.
    """
    if drawn is None:
        return None
    units = effective_units(tally(logits, targets, speakers).clips)
    error = standard_error(resampled_scores(metric, logits, targets, speakers, drawn), units)
    if metric.share:
        return share_interval(value, error, units - 1)
    if units < FEWEST_SPEAKERS or error == 0:
        return None
    half = half_width(error, units - 1)
    return Interval(value - half, value + half)


def tally_interval(counted: Tally, metric: CountMetric, drawn: Floats | None) -> Interval | None:
    """`interval_of` for the metrics that a tally is enough for."""
    if drawn is None:
        return None
    units = effective_units(counted.clips)
    error = standard_error(resampled(ratios_of_counts(counted.counts, metric), drawn), units)
    return share_interval(score_counts(counted.confusion, metric), error, units - 1)


def clip_interval(
    counted: Tally, metric: CountMetric = "uar", seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """The plain percentile bootstrap over clips, for comparison only.

    It treats the clips of one speaker as independent, so it is too narrow: it describes how the
    score varies with other clips of the same speakers, and nothing about other speakers.

    Args:
        counted: clips of the test.
        metric: which one.
        seed: of the draws.
        resamples: how many draws.

    Returns:
        None where there is one clip only, or emotions have so few clips that hardly a draw has
        them all.
    """
    cells = counted.confusion
    true, predicted = np.nonzero(cells)
    one = np.zeros((len(true), *cells.shape), dtype=np.int64)
    one[np.arange(len(true)), true, predicted] = 1
    drawn = draws(one.sum(axis=2), seed, resamples, copies=cells[true, predicted])
    if drawn is None:
        return None
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    return Interval(*map(float, np.quantile(resampled(ratios_of_counts(one, metric), drawn), ends)))


def standard_error(scores: Floats, speakers: float) -> float:
    """Standard error of a score, from its bootstrap.

    Args:
        scores: resampled scores, or differences of scores ``[resamples]``.
        speakers: S, how many were drawn, as `effective_units` counts them. The spread of a mean
            over S draws from S values is too small by √((S - 1)/S), and is corrected.
    """
    if np.ptp(scores) < ROUNDING:
        return 0.0
    if speakers <= 1:
        return float("inf")
    return float(scores.std() * np.sqrt(speakers / (speakers - 1)))


def half_width(error: float, degrees: float) -> float:
    """Half the 95 % interval of Student's t: standard errors times the quantile."""
    if error == 0:
        return 0.0
    return float(error * stdtrit(degrees, (1 + CONFIDENCE) / 2))


def share_interval(point: float, error: float, degrees: float) -> Interval:
    """The t interval of a share, symmetric on the logit scale.

    There a share near 0 or 1 has nearly the spread of any other, and no end passes 0 or 1; the
    standard error is carried over by the delta method.

    Args:
        point: the share, in [0, 1].
        error: its standard error.
        degrees: of freedom.
    """
    if error == 0 or not 0 < point < 1:
        return alike_interval(point, degrees + 1)
    half = half_width(error, degrees) / (point * (1 - point))
    low, high = expit(logit(point) - half), expit(logit(point) + half)
    return Interval(min(float(low), point), max(float(high), point))


def alike_interval(value: float, speakers: float, lowest: float = 0.0) -> Interval:
    """The interval of a mean over speakers, of whom all that were tested score alike.

    No spread was measured, but other speakers may differ. Were they a larger share of all speakers
    than q = 1 - 0.05^(1/S), one of S would have been met in 95 tests of 100. So at most a share q
    differs, and even if these score as low or as high as possible, the mean over all speakers lies
    within q of the way to either bound (for shares of a population known as the rule of three;
    Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?", JAMA 249).

    Args:
        value: the score of every speaker.
        speakers: S, how many were tested, as `effective_units` counts them.
        lowest: the lowest possible score; the highest is 1.
    """
    others = 1 - (1 - CONFIDENCE) ** (1 / speakers)
    return Interval(value - others * (value - lowest), value + others * (1 - value))
