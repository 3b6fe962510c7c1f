"""The rule that chooses one entry by accuracy and latency.

The most accurate entry is chosen, unless a faster one is as good within a margin: the lower end of
the interval of its score minus that of the most accurate entry is not below minus the margin (a
test of non-inferiority; Piaggio and others 2012, "Reporting of noninferiority and equivalence
randomized trials", JAMA 308). The intervals of all faster entries hold together at 95 % over
speakers (`serbench.score.comparison.shared_level`). ``docs/explanation/recommendation.md`` explains
the rule to users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serbench.score.comparison import (
    Bootstrapped,
    Difference,
    differences,
    shared_level,
)
from serbench.score.intervals import ROUNDING, Interval
from serbench.score.power import more_speakers


@dataclass(frozen=True)
class Contender:
    """An entry that may be chosen.

    Attributes:
        score: its score; those of all contenders are on the same draws.
        latency: milliseconds for one answer; None if it was not measured, which no other entry is
            faster than.
    """

    score: Bootstrapped
    latency: float | None


@dataclass(frozen=True)
class Choice:
    """The chosen contender, by its place among the contenders.

    Attributes:
        best: the most accurate one; of equal ones the fastest.
        chosen: the fastest one that is as good as ``best`` within the margin.
        alternative: the fastest one that may be as good, if it is faster than ``chosen``: its
            score is not significantly below that of ``best``, or its estimated loss is within the
            margin. None if there is none, so that the choice is decided.
        losses: the score of each contender that is faster than ``best``, minus that of ``best``,
            with intervals that hold together.
        more_speakers: number of further speakers with whom it would be decided, with a probability
            of 80 %, whether the loss of ``alternative`` is within the margin, if the estimated
            difference is the true one; None where that cannot be estimated.
    """

    best: int
    chosen: int
    alternative: int | None
    losses: dict[int, Difference]
    more_speakers: int | None

    @property
    def decided(self) -> bool:
        """Whether no faster contender may be as good."""
        return self.alternative is None


def choose(contenders: Sequence[Contender], margin: float) -> Choice:
    """Choose by the rule of this module.

    Args:
        contenders: at least one.
        margin: the largest acceptable loss for a faster answer, in the unit of the score.

    Raises:
        ValueError: there is no contender, or the margin is negative.
    """
    if not contenders:
        raise ValueError("there is no contender to choose")
    if not margin >= 0:
        raise ValueError("the margin must not be negative")
    order = sorted(range(len(contenders)), key=lambda each: _time(contenders[each]))
    best = max(order, key=lambda each: contenders[each].score.score)
    faster = [each for each in order if _time(contenders[each]) < _time(contenders[best])]
    pairs = [(contenders[each].score, contenders[best].score) for each in faster]
    losses = dict(zip(faster, map(_with_identical, differences(pairs)), strict=True))
    limit = margin + ROUNDING
    chosen = next((each for each in faster if _lowest(losses[each]) >= -limit), best)
    open_ = [
        each
        for each in faster
        if _time(contenders[each]) < _time(contenders[chosen])
        and (_highest(losses[each]) >= 0 or losses[each].difference >= -limit)
    ]
    if not open_:
        return Choice(best, chosen, None, losses, None)
    loss = losses[open_[0]]
    more = more_speakers(loss, loss.difference + margin, shared_level(pairs))
    return Choice(best, chosen, open_[0], losses, more)


def _time(contender: Contender) -> float:
    return float("inf") if contender.latency is None else contender.latency


def _with_identical(found: Difference) -> Difference:
    """Without any difference on every draw, two entries are taken to be the same."""
    if found.difference == 0 and found.standard_error == 0:
        return replace(found, interval=Interval(0.0, 0.0))
    return found


def _lowest(found: Difference) -> float:
    return -1.0 if found.interval is None else found.interval.low


def _highest(found: Difference) -> float:
    return 1.0 if found.interval is None else found.interval.high
