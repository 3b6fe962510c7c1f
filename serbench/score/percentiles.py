"""Percentiles of times, with intervals that assume no distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr

LEVEL = 0.95


def percentile_places(count: int, share: float) -> tuple[int, int] | None:
    """The order statistics that enclose a percentile of the distribution in 95 % of the cases.

    The number of independent times below a percentile is binomial, whatever their distribution
    (David and Nagaraja, Order Statistics, 3rd edition, section 7.1). Each side is exceeded in at
    most 2.5 % of the cases.

    Args:
        count: number of times.
        share: share of the distribution below the percentile, in (0, 1).

    Returns:
        their places among the sorted times, from 0; None if there are too few times.
    """
    tail = (1 - LEVEL) / 2
    # P(at most k times are below the percentile), which is P(the one at place k is above it).
    at_most = bdtr(np.arange(count + 1), count, share)
    low = int(np.searchsorted(at_most, tail, side="right")) - 1
    high = int(np.searchsorted(at_most, 1 - tail))
    return None if low < 0 or high >= count else (low, high)


def percentiles(times: Sequence[float]) -> dict[str, float | None]:
    """``p50``, ``p90``, ``p99``, and ``p50_low``, ``p50_high``, ``p90_low``, ``p90_high``.

    The latter are the ends of 95 % intervals, or None where there are too few times.
    """
    ordered = np.sort(times)
    found: dict[str, float | None] = {
        f"p{percent}": float(np.percentile(ordered, percent)) for percent in (50, 90, 99)
    }
    for percent in (50, 90):
        places = percentile_places(len(ordered), percent / 100)
        low, high = (None, None) if places is None else map(float, ordered[list(places)])
        found |= {f"p{percent}_low": low, f"p{percent}_high": high}
    return found
