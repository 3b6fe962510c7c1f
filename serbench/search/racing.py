"""How ``serbench search`` shares its time among candidates: successive halving of studies.

Every candidate is tried once. The better half of them gets more trials, the better half of these
again more, and so on (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943). Beyond
that, a candidate whose difference from the best one is significant is not continued, as in a race
(Maron and Moore 1997, doi 10.1023/A:1006556606079).

After the first rungs, candidates with a complete trial become entries, and the rest of the time is
for further rungs. Time for the last trainings of at least two candidates is reserved throughout.

These are pure functions: what was recorded of the candidates goes in, the next step comes out.
Each decision depends only on trials that had ended when it was first made. A search that was
stopped therefore continues with the same candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.search.propose import GENERATION

EARLY_RUNG = 2
"""After this rung, with 10 trials, candidates become entries before the best one gets more."""

LAST_RUNG = 4
"""The last rung has 46 trials, about as many as differ in the space of a frozen encoder."""

FIRST_SHARE = 0.25
"""Share of all the time that the first trial of a candidate may take, once another is complete."""

FIRST_OF_ALL = 0.5
"""The same share before any candidate has a complete trial, as long as others are to be tried."""

ENTRIES = 2
"""So many candidates become entries in any case, since a recommendation compares entries."""

SMALL_SHARE = 0.05
"""Time is reserved for every candidate that becomes an entry in this share of all the time."""

OVERTIME = 0.2
"""A second candidate becomes an entry if the search then ends this share of its time late."""

LEAST = 1.0
"""No step is begun with less time, in seconds."""

ROUNDING = 1e-6
"""Sums of seconds differ by less than this, in seconds, if only their rounding differs."""


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
        trial_seconds: estimated seconds of one more trial, or of the rest of its first trial, 0
            where nothing is known; None if it gets no more.
        rank_seconds: estimated seconds of its last training and of measuring its latency.
        entry: number of its entry, perhaps with an earlier winner, or None.
        is_current: whether its entry has all its trials, so that nothing has to be done.
    """

    name: str
    results: tuple[Result, ...] = ()
    spent: float = 0.0
    trial_seconds: float | None = 0.0
    rank_seconds: float = 0.0
    entry: int | None = None
    is_current: bool = False

    def best(self, trials: int | None = None) -> Result | None:
        """Its best complete trial among the first ones, or among all."""
        complete = [each for each in self.results[:trials] if each.uar is not None]
        return max(complete, key=lambda each: each.uar or 0.0, default=None)


@dataclass(frozen=True)
class Step:
    """The next step of a search.

    Attributes:
        name: name of the candidate.
        trials: number of trials that its study shall have; None if its winner is trained on all
            clips and becomes an entry.
        seconds: trials are stopped after this time, even within a trial.
    """

    name: str
    trials: int | None
    seconds: float = math.inf


def trials_of(rung: int) -> int:
    """The number of trials on a rung: 1, 4, 10, 22, …, each after a whole generation."""
    return int(1 + GENERATION * (2**rung - 1))


def next_step(
    racers: Sequence[Racer], left: float, budget: float, tested_once: bool = False
) -> Step | None:
    """The step to run next, or None if the time is spent or nothing is left to do.

    Args:
        racers: the candidates, in the order in which they are tried first.
        left: seconds left of the budget.
        budget: seconds of the whole search.
        tested_once: whether a last training is tested on speakers that were set aside. All trials
            then come before it, so that no candidate is tested twice.
    """
    time = _Time(tuple(racers), left, budget)
    late: list[Callable[[], Step | None]] = [time.entry, time.slow_trial, time.late_rungs]
    if tested_once:
        late = [time.slow_trial, time.late_rungs, time.entry]
    stages = [time.first_trial, time.early_rungs, *late, time.changed_entry]
    return next((step for stage in stages if (step := stage()) is not None), None)


@dataclass(frozen=True)
class _Time:
    """The candidates, the seconds left, and those of the whole search."""

    racers: tuple[Racer, ...]
    left: float
    budget: float

    @cached_property
    def tried(self) -> list[Racer]:
        """The candidates with a complete trial, best first."""
        return _by_score([racer for racer in self.racers if racer.best() is not None], None)

    @cached_property
    def untried(self) -> list[Racer]:
        """The candidates whose first trial has not ended and may be continued."""
        return [each for each in self.racers if not each.results and each.trial_seconds is not None]

    @cached_property
    def reserved(self) -> dict[str, float]:
        """Name → seconds that are kept for the last training and the latency of a candidate.

        These are the two best of those for which the time suffices, those that take a small part
        of the whole time, and entries that have had further trials.
        """
        found: dict[str, float] = {}
        entries = 0
        for racer in self.tried:
            small = racer.rank_seconds <= SMALL_SHARE * self.budget
            wanted = entries < ENTRIES or small or racer.entry is not None
            fits = sum(found.values()) + racer.rank_seconds <= self.left + ROUNDING
            if wanted and fits and not racer.is_current:
                found[racer.name] = racer.rank_seconds
            entries += racer.name in found or racer.is_current
        return found

    def free(self, racer: Racer) -> float:
        """Seconds for trials of a candidate, so that it can become an entry after them.

        After its first trial a candidate may take the place of another one of the two best.
        """
        kept = self.reserved
        if racer.name in kept:
            return self.left - sum(kept.values())
        replaced = min(kept.values()) if len(kept) >= ENTRIES and not racer.results else 0.0
        return self.left - sum(kept.values()) - max(racer.rank_seconds - replaced, 0.0)

    def first_trial(self) -> Step | None:
        """The next first trial, within its share of the time."""
        share = FIRST_SHARE if self.tried else FIRST_OF_ALL if len(self.untried) > 1 else 1
        for racer in self.untried:
            seconds = min(share * self.budget - racer.spent, self.free(racer))
            if seconds >= LEAST:
                return Step(racer.name, 1, seconds)
        return None

    def slow_trial(self) -> Step | None:
        """The rest of a first trial that took longer than its share, if it fits into the time."""
        for racer in self.untried:
            free = self.free(racer)
            if max(racer.trial_seconds or 0.0, LEAST) <= free:
                return Step(racer.name, 1, free)
        return None

    def early_rungs(self) -> Step | None:
        """More trials for the better candidates."""
        return self._rungs(range(1, min(EARLY_RUNG, LAST_RUNG) + 1))

    def late_rungs(self) -> Step | None:
        """More trials for the best candidate, then for those that may be as good."""
        others = _by_score(survivors(self.racers, 1), None)
        return self._rungs(range(EARLY_RUNG + 1, LAST_RUNG + 1)) or self._more(others, LAST_RUNG)

    def _rungs(self, rungs: Iterable[int]) -> Step | None:
        steps = (self._more(survivors(self.racers, rung), rung) for rung in rungs)
        return next((step for step in steps if step is not None), None)

    def _more(self, racers: Sequence[Racer], rung: int) -> Step | None:
        """As many trials of a rung as fit into the time; none if all clips are correct."""
        for racer in racers:
            missing, seconds = trials_of(rung) - len(racer.results), racer.trial_seconds
            best, free = racer.best(), self.free(racer)
            perfect = best is not None and best.uar == 1
            if missing <= 0 or seconds is None or perfect or free < LEAST:
                continue
            fitting = missing if missing * seconds <= free else int(free / seconds)
            if fitting:
                return Step(racer.name, len(racer.results) + fitting, free)
        return None

    def entry(self) -> Step | None:
        """The next candidate that becomes an entry: the two best, then those that take least time.

        The best one becomes an entry even if the time is over, and so does a second one if it takes
        little longer.
        """
        waiting = [racer for racer in self.tried if racer.entry is None]
        quick = sorted(waiting, key=lambda racer: racer.rank_seconds)
        best = [racer for racer in self.tried[:ENTRIES] if racer.entry is None]
        for racer in (*best, *quick):
            if racer is self.tried[0] or self.free(racer) >= -ROUNDING:
                return Step(racer.name, None)
        most = self.left + OVERTIME * self.budget
        second = len(waiting) > len(self.tried) - ENTRIES and quick[:1]
        return Step(quick[0].name, None) if second and quick[0].rank_seconds <= most else None

    def changed_entry(self) -> Step | None:
        """An entry that has had further trials; its scores depend on all of them."""
        changed = (
            racer for racer in self.tried if racer.entry is not None and not racer.is_current
        )
        return next((Step(racer.name, None) for racer in changed), None)


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
