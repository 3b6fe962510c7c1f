"""The Pareto front of accuracy and latency, and who cannot be told from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.results.statistics.comparison import bootstrap
from serbench.results.statistics.tally import Tally

ON = "on the front"
NEAR = "indistinguishable from the front"
DOMINATED = "dominated"
UNMEASURED = "no latency"


@dataclass(frozen=True)
class Candidate:
    """What decides an entry's place.

    Attributes:
        uar: on the exam.
        p50: median latency in milliseconds, or None where it was not measured.
        p90: its 90th percentile.
        tally: what was said, by speaker; all candidates were tested on the same clips.
    """

    uar: float
    p50: float | None
    p90: float | None
    tally: Tally


def verdicts(candidates: Sequence[Candidate]) -> list[str]:
    """What may be said of each candidate, in their order.

    On the front is whom no other is as good as and as fast, and better in one. Of the others one
    is dominated where somebody on the front is so *clearly*: the interval of the difference in
    UAR (paired bootstrap over speakers) leaves out zero, or its own median latency is above the
    other's 90th percentile. Who is beaten by less than that is indistinguishable from the front.
    """
    measured = [candidate for candidate in candidates if candidate.p90 is not None]
    scores = bootstrap([candidate.tally for candidate in measured])
    drawn = {id(candidate): score for candidate, score in zip(measured, scores, strict=True)}
    front = [each for each in measured if not any(_beats(other, each) for other in measured)]

    def clearly(one: Candidate, other: Candidate) -> bool:
        assert one.p90 is not None
        assert other.p50 is not None
        return other.p50 > one.p90 or drawn[id(one)].minus(drawn[id(other)]).distinguishable

    def verdict(candidate: Candidate) -> str:
        if candidate.p90 is None:
            return UNMEASURED
        better = [other for other in front if _beats(other, candidate)]
        if not better:
            return ON
        return DOMINATED if any(clearly(other, candidate) for other in better) else NEAR

    return [verdict(candidate) for candidate in candidates]


def _beats(one: Candidate, other: Candidate) -> bool:
    """No worse in UAR and latency, and better in one."""
    assert one.p90 is not None
    assert other.p90 is not None
    as_good = one.uar >= other.uar and one.p90 <= other.p90
    return as_good and (one.uar > other.uar or one.p90 < other.p90)
