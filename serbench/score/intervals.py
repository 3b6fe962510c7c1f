"""95 % intervals of scores, by bootstrap over speakers.

Speakers are drawn with replacement, each with all clips, and the standard deviation of the
resampled scores is the standard error. The interval is a Student's t interval whose degrees of
freedom are the number of speakers minus one; for shares it is computed on the logit scale (Efron
and Tibshirani 1993, chapters 6 and 12; Davison and Hinkley 1997, section 5.2).
``docs/explanation/simulations.md`` compares its measured coverage with that of other intervals.
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
from serbench.score.metric import Floats, Logits, Metric, Ratios, Speakers, Targets
from serbench.score.resampling import (
    RESAMPLES,
    draws,
    effective_units,
    resampled,
    resampled_scores,
)

CONFIDENCE = 0.95

FEWEST_SPEAKERS = 1.5
"""With fewer effective speakers no difference can be detected, and the interval of a metric without
bounds is too wide to be useful: hundreds of standard errors at half a degree of freedom."""

ROUNDING = 1e-12
"""Smaller differences of scores are rounding errors."""


class Interval(NamedTuple):
    """Both ends in the metric's unit; for shares, 0.61 means 61 %."""

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
    """The 95 % interval of a metric over speakers from the same population.

    Every resample has every emotion that was tested (see `draws`). Each interval includes its
    score; the interval of a share lies in [0, 1]. Where all speakers have the same score, for
    example a perfect one, no variance can be estimated: see `alike_interval`.

    Args:
        metric: the metric to compute.
        logits: ``[n, C]``.
        targets: ``[n]``.
        speakers: ``[n]``.
        value: the metric of all clips.
        drawn: number of times that each speaker was drawn ``[resamples, S]``, from `draws`; it is
            the same for all systems tested on the same clips.

    Returns:
        None where no interval can be computed: there is only one speaker; or emotions have so few
        speakers that almost no draw contains all emotions; or the metric is not a share and one
        speaker has nearly all clips or all speakers have the same score.

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
    """The same as `interval_of` for metrics that are computed from a tally."""
    if drawn is None:
        return None
    units = effective_units(counted.clips)
    error = standard_error(resampled(ratios_of_counts(counted.counts, metric), drawn), units)
    return share_interval(score_counts(counted.confusion, metric), error, units - 1)


def recall_intervals(counted: Tally) -> list[Interval | None]:
    """The 95 % interval over speakers of the recall of each emotion.

    Args:
        counted: clips of the test.

    Returns:
        One for each emotion; None where it does not occur, or where no draws are possible (see
        `interval_of`).
    """
    drawn = draws(counted.clips)
    found: list[Interval | None] = [None] * counted.clips.shape[1]
    if drawn is None:
        return found
    for emotion in np.flatnonzero(counted.clips.any(axis=0)):
        units = effective_units(counted.clips[:, [emotion]])
        one = Ratios(
            counted.counts[:, emotion, [emotion]].astype(np.float64),
            counted.clips[:, [emotion]].astype(np.float64),
        )
        error = standard_error(resampled(one, drawn), units)
        found[emotion] = share_interval(one.value, error, units - 1)
    return found


def clip_interval(
    counted: Tally, metric: CountMetric = "uar", seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """The plain percentile bootstrap over clips, for comparison only.

    It treats the clips of one speaker as independent and is therefore too narrow: it describes how
    the score varies over other clips of the same speakers, not over other speakers.

    Args:
        counted: clips of the test.
        metric: the metric to compute.
        seed: seed of the draws.
        resamples: number of draws.

    Returns:
        None where there is only one clip, or emotions have so few clips that almost no draw
        contains all emotions.
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
    """Standard error of a score from its bootstrap draws.

    Args:
        scores: resampled scores, or differences of scores ``[resamples]``.
        speakers: S, the number of effective speakers (`effective_units`). The standard deviation of
            a mean over S draws from S values is too small by a factor of √((S - 1)/S), which is
            corrected.
    """
    if np.ptp(scores) < ROUNDING:
        return 0.0
    if speakers <= 1:
        return float("inf")
    return float(scores.std() * np.sqrt(speakers / (speakers - 1)))


def half_width(error: float, degrees: float, confidence: float = CONFIDENCE) -> float:
    """Half the width of the interval of Student's t: the standard error times the quantile."""
    if error == 0:
        return 0.0
    return float(error * stdtrit(degrees, (1 + confidence) / 2))


def share_interval(point: float, error: float, degrees: float) -> Interval:
    """The t interval of a share, symmetric on the logit scale.

    On this scale the standard error depends little on the share, and no end lies outside [0, 1];
    the delta method transforms the standard error.

    Args:
        point: the share, in [0, 1].
        error: its standard error.
        degrees: degrees of freedom.
    """
    if error == 0 or not 0 < point < 1:
        return alike_interval(point, degrees + 1)
    half = half_width(error, degrees) / (point * (1 - point))
    low, high = expit(logit(point) - half), expit(logit(point) + half)
    return Interval(min(float(low), point), max(float(high), point))


def alike_interval(
    value: float, speakers: float, lowest: float = 0.0, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of a mean over speakers where all tested speakers have the same score.

    No variance was observed, but other speakers may differ. If the share of differing speakers were
    greater than q = 1 - 0.05^(1/S), a sample of S speakers would contain one of them with a
    probability of more than 95 %. So at most a share q differs. Even if these have the lowest or
    the highest possible score, the mean over all speakers moves towards that bound by at most the
    fraction q of the distance (for shares of a population this is the rule of three; Hanley and
    Lippman-Hand 1983, "If nothing goes wrong, is everything all right?", JAMA 249).

    Args:
        value: the score of every speaker.
        speakers: S, the number of effective speakers (`effective_units`).
        lowest: the lowest possible score; the highest is 1.
        confidence: level of the interval.
    """
    others = 1 - (1 - confidence) ** (1 / speakers)
    return Interval(value - others * (value - lowest), value + others * (1 - value))
