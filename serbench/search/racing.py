"""How ``serbench search`` shares its time among candidates: successive halving of studies.

Every candidate is tried once. The better half of them gets more trials, the better half of these
again more, and so on (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943). Beyond
that, a candidate whose difference from the best one is significant is not continued, as in a race
(Maron and Moore 1997, doi 10.1023/A:1006556606079).

These are pure functions: what was recorded of the candidates goes in, the next study comes out.
Each decision depends only on trials that had ended when it was first made. A search that was
stopped therefore continues with the same candidates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.search.propose import GENERATION

LAST_RUNG = 4
"""The last rung has 46 trials, about as many as differ in the space of a frozen encoder."""

FIRST_SHARE = 0.25
"""Share of all the time that the first trial of a candidate may take, once another is complete."""

FIRST_OF_ALL = 0.5
"""The same share before any candidate has a complete trial, as long as others are to be tried."""

RANKED = 2
"""So many candidates are ranked at least, since a recommendation compares entries."""

LEAST = 1.0
"""No step is begun with less time, in seconds."""


@dataclass(frozen=True)
class Result:
    """What a trial is compared by.

    Attributes:
        uar: mean UA over the folds, in [0, 1]; None where the trial was pruned or failed.
        tally: its predictions on all folds by speaker; None where ``uar`` is None.
    """

    uar: float | None
    tally: Tally | None = None


@dataclass(frozen=True)
class Racer:
    """A candidate of a search, with everything that is recorded of it.

    Attributes:
        name: its name.
        results: its trials that have ended, by number.
        spent: seconds that it has taken, with all preparations.
        trial_seconds: estimated seconds of one more trial; None if it gets no more, as before its
            first has ended.
        rank_seconds: estimated seconds of its last training and of measuring its latency.
    """

    name: str
    results: tuple[Result, ...] = ()
    spent: float = 0.0
    trial_seconds: float | None = None
    rank_seconds: float = 0.0

    def best(self, trials: int | None = None) -> Result | None:
        """Its best complete trial among the first ones, or among all."""
        complete = [each for each in self.results[:trials] if each.uar is not None]
        return max(complete, key=lambda each: each.uar or 0.0, default=None)


@dataclass(frozen=True)
class Step:
    """The next study of a search.

    Attributes:
        name: name of the candidate.
        trials: number of trials that its study shall have.
        seconds: it is stopped after this time, even within a trial.
    """

    name: str
    trials: int
    seconds: float


def trials_of(rung: int) -> int:
    """The number of trials on a rung: 1, 4, 10, 22, …, each after a whole generation."""
    return int(1 + GENERATION * (2**rung - 1))


def next_step(racers: Sequence[Racer], left: float, budget: float) -> Step | None:
    """The study to run next, or None if the time is spent or nothing is left to try.

    Args:
        racers: the candidates, in the order in which they are tried first.
        left: seconds left of the budget.
        budget: seconds of the whole search.

    Returns:
        a step whose seconds leave time to rank the candidates that are ranked (`finalists`).
    """
    free = left - sum(racer.rank_seconds for racer in finalists(racers))
    if free < LEAST:
        return None
    complete = any(racer.best() is not None for racer in racers)
    untried = [racer for racer in racers if not racer.results]
    for racer in untried:
        share = FIRST_SHARE if complete else FIRST_OF_ALL if len(untried) > 1 else 1
        most = share * budget - racer.spent
        if (step := _first_trial(racer, most, complete, free)) is not None:
            return step
    for rung in range(1, LAST_RUNG + 1):
        for racer in survivors(racers, rung):
            if (step := _more_trials(racer, trials_of(rung), free)) is not None:
                return step
    # The best has enough trials. Others that may be as good get as many, and first trials that took
    # too long are continued.
    for racer in _by_score(survivors(racers, 1), None):
        if (step := _more_trials(racer, trials_of(LAST_RUNG), free)) is not None:
            return step
    for racer in untried:
        if (step := _first_trial(racer, free, complete, free)) is not None:
            return step
    return None


def survivors(racers: Sequence[Racer], rung: int) -> list[Racer]:
    """The candidates that get the trials of a rung, in the order of their first trials.

    They are the better half, by the trials of the rung below, of those that got these trials,
    without those that are significantly worse than the best.

    Args:
        racers: all candidates.
        rung: number of the rung; on rung 0 are all with a complete first trial.
    """
    if rung == 0:
        return [racer for racer in racers if racer.best(1) is not None]
    before, trials = survivors(racers, rung - 1), trials_of(rung - 1)
    ranked = _by_score(before, trials)
    chosen = [
        racer.name
        for racer in ranked[: math.ceil(len(ranked) / 2)]
        if not _is_worse(racer.best(trials), ranked[0].best(trials))
    ]
    return [racer for racer in before if racer.name in chosen]


def finalists(racers: Sequence[Racer]) -> list[Racer]:
    """The candidates that are ranked, best first.

    They are the better half after the first trials, and at least two. The networks of all others
    would be trained again and tested although they are behind.
    """
    tried = survivors(racers, 0)
    chosen = _by_score(tried, 1)[: max(RANKED, math.ceil(len(tried) / 2))]
    return _by_score(chosen, None)


def _by_score(racers: Sequence[Racer], trials: int | None) -> list[Racer]:
    """Best first; of equally good ones the first, which is the one that takes less time."""
    return sorted(racers, key=lambda racer: -_score(racer.best(trials)))


def _score(result: Result | None) -> float:
    return 0.0 if result is None or result.uar is None else result.uar


def _is_worse(result: Result | None, best: Result | None) -> bool:
    """Whether a result is significantly worse than the best, by the same speakers."""
    if result is None or best is None or result.tally is None or best.tally is None:
        return False
    interval = tally_difference(result.tally, best.tally, "uar").interval
    return interval is not None and interval.high < 0


def _first_trial(racer: Racer, most: float, complete: bool, free: float) -> Step | None:
    """The first trial of a candidate; without any complete one, it must leave time to be ranked."""
    seconds = min(most, free if complete else free - racer.rank_seconds)
    return Step(racer.name, 1, seconds) if seconds >= LEAST else None


def _more_trials(racer: Racer, target: int, free: float) -> Step | None:
    """As many of the missing trials as fit into the time; none if all clips are correct."""
    missing, seconds, best = target - len(racer.results), racer.trial_seconds, racer.best()
    perfect = best is not None and best.uar == 1
    if missing <= 0 or seconds is None or perfect:
        return None
    fitting = missing if missing * seconds <= free else int(free / seconds)
    return Step(racer.name, len(racer.results) + fitting, free) if fitting else None
