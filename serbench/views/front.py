"""The Pareto front of accuracy and latency, and which entries are indistinguishable from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.score.comparison import Bootstrapped

ON = "on the front"
NEAR = "indistinguishable from the front"
DOMINATED = "dominated"
UNMEASURED = "no latency"


@dataclass(frozen=True)
class Candidate:
    """The values of an entry that determine its relation to the front.

    Attributes:
        uar: UAR of the entry.
        p50: median latency in milliseconds, or None if it was not measured.
        p90: its 90th percentile.
        score: UAR on draws of speakers, which are the same for all candidates.
    """

    uar: float
    p50: float | None
    p90: float | None
    score: Bootstrapped


def verdicts(candidates: Sequence[Candidate]) -> list[str]:
    """The relation of each candidate to the front, in the order of the candidates.

    A candidate is on the front if no other candidate is at least as accurate and at least as fast
    and better in one of the two. Any other candidate is dominated if a candidate of the front is
    *clearly* better: the interval of the difference in UAR (paired bootstrap over speakers)
    excludes zero, or the median latency of the dominated one is above the 90th percentile of the
    better one. If the difference is smaller, it is indistinguishable from the front.
    """
    front = _front([candidate for candidate in candidates if candidate.p90 is not None])

    def clearly_beaten(candidate: Candidate, better: Sequence[Candidate]) -> bool:
        # Most cases are decided by latencies, without a comparison of scores.
        if any(_clearly_faster(other, candidate) for other in better):
            return True
        most_accurate_first = reversed(better)
        return any(
            other.score.minus(candidate.score).distinguishable for other in most_accurate_first
        )

    def verdict(candidate: Candidate) -> str:
        if candidate.p90 is None:
            return UNMEASURED
        better = [other for other in front if _beats(other, candidate)]
        if not better:
            return ON
        return DOMINATED if clearly_beaten(candidate, better) else NEAR

    return [verdict(candidate) for candidate in candidates]


def _front(measured: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that are not dominated, the fastest and least accurate first."""
    front: list[Candidate] = []
    for each in sorted(measured, key=lambda each: (each.p90, -each.uar)):
        if not front or not _beats(front[-1], each):
            front.append(each)
    return front


def _beats(one: Candidate, other: Candidate) -> bool:
    """True if one is at least equal in UAR and latency, and better in one of them."""
    assert one.p90 is not None
    assert other.p90 is not None
    as_good = one.uar >= other.uar and one.p90 <= other.p90
    return as_good and (one.uar > other.uar or one.p90 < other.p90)


def _clearly_faster(one: Candidate, other: Candidate) -> bool:
    assert one.p90 is not None
    assert other.p50 is not None
    return other.p50 > one.p90
