"""Groups of clips, such as those of one sex: their scores and the difference between two groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from serbench.score.comparison import Difference
from serbench.score.confusion import Tally, ratios_of_counts
from serbench.score.intervals import (
    CONFIDENCE,
    Interval,
    alike_interval,
    half_width,
    share_interval,
    standard_error,
)
from serbench.score.metric import Floats
from serbench.score.resampling import draws, effective_units, resampled

OTHER_SEED = 1
"""Seed of the draws of the second of two groups, which are independent of those of the first."""


def group_difference(
    first: Tally, second: Tally, confidence: float = CONFIDENCE
) -> Difference | None:
    """UA of one group of clips minus that of another one, on the emotions that occur in both.

    Groups without a common speaker, such as the two sexes, are two independent samples: speakers
    of each are drawn separately, and the degrees of freedom are those of Welch (1947, "The
    generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34). Groups with common speakers, such as two intensities, are compared on
    the same draws of all speakers.

    Args:
        first: one group; both have the same label set.
        second: the group whose UA is subtracted.
        confidence: level of the interval.

    Returns:
        None if no emotion occurs in both. The difference has no interval where one group has only
        one speaker.
    """
    common: npt.NDArray[np.bool_] = (first.clips.sum(axis=0) > 0) & (second.clips.sum(axis=0) > 0)
    if not common.any():
        return None
    groups = [_restricted(first, common), _restricted(second, common)]
    difference = _uar(groups[0]) - _uar(groups[1])
    if set(groups[0].speakers) & set(groups[1].speakers):
        speakers, error, effective = _together(*groups)
    else:
        speakers, error, effective = _apart(*groups)
    if error is None:
        return Difference(difference, None, None, None, speakers, effective)
    if error == 0:
        alike = alike_interval(difference, effective, -1.0, confidence)
        p = float((1 + abs(difference)) ** -effective)
        return Difference(difference, alike, error, p, speakers, effective)
    half = half_width(error, effective - 1, confidence)
    interval = Interval(max(difference - half, -1.0), min(difference + half, 1.0))
    p = float(2 * stdtr(effective - 1, -abs(difference) / error))
    return Difference(difference, interval, error, p, speakers, effective)


def mean_recalls(
    tallies: Sequence[Tally], weights: Sequence[float]
) -> list[tuple[float, Interval | None]]:
    """The recall of each emotion, averaged over systems, with its 95 % interval over speakers.

    Args:
        tallies: systems that were tested on the same clips.
        weights: weight of each system; their sum is 1.

    Returns:
        For each emotion of the label set its mean recall, NaN if it does not occur, and the
        interval, None where none can be computed.
    """
    clips: npt.NDArray[np.int64] = tallies[0].clips
    right = np.zeros(clips.shape)
    for weight, counted in zip(weights, tallies, strict=True):
        right += weight * counted.counts.diagonal(axis1=1, axis2=2)
    found: list[tuple[float, Interval | None]] = []
    for emotion, (correct, true) in enumerate(zip(right.T, clips.T, strict=True)):
        if not true.any():
            found.append((float("nan"), None))
            continue
        recall, of_emotion = float(correct.sum() / true.sum()), clips[:, [emotion]]
        drawn = draws(of_emotion)
        interval = None
        if drawn is not None:
            units = effective_units(of_emotion)
            error = standard_error((drawn @ correct) / (drawn @ true), units)
            interval = share_interval(recall, error, units - 1)
        found.append((recall, interval))
    return found


def _restricted(counted: Tally, emotions: npt.NDArray[np.bool_]) -> Tally:
    """The clips of some true emotions, and the speakers who have any."""
    counts = np.where(emotions[None, :, None], counted.counts, 0)
    kept: list[bool] = (counts.sum(axis=(1, 2)) > 0).tolist()
    names = tuple(name for name, keep in zip(counted.speakers, kept, strict=True) if keep)
    return Tally(names, counts[kept])


def _uar(counted: Tally) -> float:
    return ratios_of_counts(counted.counts, "uar").value


def _resampled(counts: npt.NDArray[np.int64], drawn: Floats) -> Floats:
    return resampled(ratios_of_counts(counts, "uar"), drawn)


Estimated = tuple[int, float | None, float]
"""Number of speakers, standard error if there is one, degrees of freedom plus one."""


def _together(first: Tally, second: Tally) -> Estimated:
    """Both groups on the same draws of all their speakers."""
    names = sorted({*first.speakers, *second.speakers})
    place = {name: number for number, name in enumerate(names)}
    counts = []
    for group in (first, second):
        whole = np.zeros((len(names), *group.counts.shape[1:]), dtype=np.int64)
        whole[[place[name] for name in group.speakers]] = group.counts
        counts.append(whole)
    clips = np.concatenate([each.sum(axis=2) for each in counts], axis=1)
    units, drawn = effective_units(clips), draws(clips)
    if drawn is None:
        return len(names), None, units
    apart = _resampled(counts[0], drawn) - _resampled(counts[1], drawn)
    return len(names), standard_error(apart, units), units


def _apart(first: Tally, second: Tally) -> Estimated:
    """Each group on draws of its own speakers."""
    speakers = len(first.speakers) + len(second.speakers)
    variances, degrees = [], []
    for seed, group in ((0, first), (OTHER_SEED, second)):
        units, drawn = effective_units(group.clips), draws(group.clips, seed)
        if drawn is None:
            return speakers, None, min(effective_units(each.clips) for each in (first, second))
        variances.append(standard_error(_resampled(group.counts, drawn), units) ** 2)
        degrees.append(units - 1)
    total = sum(variances)
    if total == 0:
        return speakers, 0.0, min(degrees) + 1
    parts = [each**2 / free for each, free in zip(variances, degrees, strict=True) if each > 0]
    return speakers, float(np.sqrt(total)), total**2 / sum(parts) + 1
