"""Whether a faster form of a network may take the place of the network."""

from __future__ import annotations

import numpy as np

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.score.intervals import ROUNDING

ALLOWED_LOSS = 0.01
"""UA that a faster form may lose: one point."""

FEWEST_CLIPS = 368
"""Clips that exclude a loss of one point where no speaker's result differs from the others'.

If one prediction in a hundred were lost, `n` clips without any loss would have a probability of
0.99^n, which is below 2.5 % from 368 clips on (the exact interval of Clopper and Pearson, 1934, doi
10.1093/biomet/26.4.404, for no event among `n`).
"""


def may_replace(faster: Tally, full: Tally) -> bool:
    """Whether a loss of one point of UA or more is excluded for a faster form of a network.

    It is if the 95 % interval of the paired difference over speakers, the faster form's UA minus
    the full network's, lies above minus one point.

    Where the difference is the same for all speakers, as it is where no prediction changes, its
    standard error is 0. Then the difference itself is compared, and there have to be at least
    `FEWEST_CLIPS` clips. The interval that is shown for such a difference allows speakers of any
    difference that none of the tested ones has (`serbench.score.intervals.alike_interval`), and
    with fewer than 299 speakers it would exclude no loss of one point, whatever the predictions.

    With one speaker, or without an interval, nothing is excluded.

    Args:
        faster: predictions of the faster form.
        full: those of the full network, on the same clips of the same speakers.
    """
    if len(full.speakers) < 2:
        return False
    enough = full.counts.sum() >= FEWEST_CLIPS
    if faster.speakers == full.speakers and np.array_equal(faster.counts, full.counts):
        return bool(enough)
    difference = tally_difference(faster, full)
    if difference.standard_error == 0:
        return bool(enough) and difference.difference > -ALLOWED_LOSS + ROUNDING
    return difference.interval is not None and difference.interval.low > -ALLOWED_LOSS
