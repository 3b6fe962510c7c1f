"""Whether a faster form of a network may take the place of the network."""

from __future__ import annotations

import numpy as np

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally

ALLOWED_LOSS = 0.01
"""UA that a faster form may lose: one point."""

RULE_OF_THREE = 3
"""Changes among all clips that 95 % confidence does not exclude if none was seen."""


def may_replace(faster: Tally, full: Tally) -> bool:
    """Whether a loss of one point of UA or more is excluded for a faster form of a network.

    It is if the 95 % interval of the paired difference over speakers, the faster form's UA minus
    the full network's, lies above minus one point. Without an interval nothing is excluded.

    If the counts of all speakers are equal, there is no spread from which to compute an interval.
    Of n clips without a changed prediction, at most 3 / n would change in general, with 95 %
    confidence (Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?",
    JAMA 249), so that 300 clips are enough.

    Args:
        faster: predictions of the faster form.
        full: those of the full network, on the same clips of the same speakers.
    """
    if np.array_equal(faster.counts, full.counts):
        return bool(full.counts.sum() * ALLOWED_LOSS >= RULE_OF_THREE)
    difference = tally_difference(faster, full)
    return difference.interval is not None and difference.interval.low > -ALLOWED_LOSS
