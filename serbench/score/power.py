"""Power of the test of two systems: the smallest difference, and the speakers that it takes."""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy.special import nctdtr, stdtrit

from serbench.score.comparison import Difference
from serbench.score.intervals import FEWEST_SPEAKERS, ROUNDING

MOST_SPEAKERS = 10_000
"""A greater number of speakers is not estimated."""


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


def speakers_to_detect(
    difference: float,
    standard_error: float,
    speakers: float,
    power: float = 0.8,
    significance: float = 0.05,
) -> float | None:
    """The number of speakers at which `smallest_difference` is as small as a difference.

    The standard error is assumed to fall with the square root of the number of speakers.

    Args:
        difference: a true difference, in the unit of ``standard_error``; its sign is ignored.
        standard_error: `Difference.standard_error` of a pair of systems.
        speakers: `Difference.effective` of the pair.
        power: probability of detection; greater than ``significance``.
        significance: level of the test.

    Returns:
        None where it cannot be computed: the difference or the standard error is 0, or more than
        ``MOST_SPEAKERS`` would be needed.
    """
    if difference == 0 or standard_error == 0 or not np.isfinite(standard_error):
        return None
    spread = standard_error * float(np.sqrt(speakers))

    def detected(number: float) -> bool:
        error = spread / float(np.sqrt(number))
        return smallest_difference(error, number, power, significance) <= abs(difference)

    low, high = 2, MOST_SPEAKERS
    if not detected(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if detected(middle):
            high = middle
        else:
            low = middle + 1
    return float(low)


def more_speakers(pair: Difference, difference: float, significance: float) -> int | None:
    """Number of further speakers with whom a true difference is detected with a power of 80 %.

    Args:
        pair: a pair of systems, with its standard error.
        difference: the true difference.
        significance: level of the test.

    Returns:
        At least 1; None where it cannot be computed (see `speakers_to_detect`).
    """
    if pair.standard_error is None:
        return None
    needed = speakers_to_detect(
        difference, pair.standard_error, pair.effective, significance=significance
    )
    if needed is None:
        return None
    return max(ceil(needed * pair.speakers / pair.effective) - pair.speakers, 1)
