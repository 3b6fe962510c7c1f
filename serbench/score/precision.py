"""Whether a faster form of a network may take the place of the network."""

from __future__ import annotations

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally

ALLOWED_LOSS = 0.01
"""UA that a faster form may lose: one point."""


def may_replace(faster: Tally, full: Tally) -> bool:
    """Whether a loss of one point of UA or more is excluded for a faster form of a network.

    It is if the 95 % interval of the paired difference over speakers, the faster form's UA minus
    the full network's, lies above minus one point. Without an interval nothing is excluded.

    Args:
        faster: predictions of the faster form.
        full: those of the full network, on the same clips of the same speakers.
    """
    difference = tally_difference(faster, full)
    return difference.interval is not None and difference.interval.low > -ALLOWED_LOSS
