"""The whole search among candidates: their studies, with the time that `racing` gives them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

import numpy as np

from serbench.errors import SerbenchError, TooSlowError, UsageError
from serbench.execute.executor import Executor
from serbench.execute.job import Outcome
from serbench.model.machine import this_machine
from serbench.plugins import Plugins
from serbench.run.completion import complete_entry
from serbench.run.screening import check_latency, untrained_latency
from serbench.run.study import run_part
from serbench.run.watch import SearchListener, TimeIsUp, Watch
from serbench.score.confusion import tally
from serbench.search.events import COMPLETE
from serbench.search.plan import StudyPlan
from serbench.search.propose import TrialRecord
from serbench.search.racing import Racer, Result, Step, finalists, next_step
from serbench.search.study import run_trials, run_winner
from serbench.store.candidates import CandidateRecords
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.lease import study_lease
from serbench.store.ledger import Ledger
from serbench.store.studies import standings
from serbench.store.systems import Systems
from serbench.workspace import Workspace

RANKING = 60.0
"""Seconds for measuring latency, in two new processes; with 30 one candidate was not ranked."""

LAST_TRAINING = 1.5
"""The last training takes longer than that on a fold, since it has all clips."""

Clock = Callable[[], float]
"""Seconds since any moment."""


@dataclass(frozen=True)
class Placed:
    """A candidate at the end of a search.

    Attributes:
        backbone: its name.
        trials: number of its trials that have ended.
        uar: the best mean UA over the folds, or None.
        entry: number of its entry, or None if it is not ranked.
        reason: why it is not ranked, else empty.
    """

    backbone: str
    trials: int
    uar: float | None
    entry: int | None = None
    reason: str = ""


@dataclass
class Race:
    """A search among candidates, from its records to ranked entries.

    Attributes:
        plans: plan of each candidate, by the name of its backbone, those that take the least time
            first; the number of trials in a plan is ignored.
        minutes: the time of the whole search, with earlier runs of it.
        max_latency_ms: candidates with a higher latency are left out, or None.
        plugins: plugins with the names of all plans.
        workspace: folders of clips and weights.
        database: database of all records.
        listener: receives the events.
        executor: runs the trainings.
        parallel: number of trainings at once; by default the fastest number.
        clock: the time in seconds.
        began: the time at which this run began, by the clock.
    """

    plans: Mapping[str, StudyPlan]
    minutes: float
    max_latency_ms: float | None
    plugins: Plugins
    workspace: Workspace
    database: Database
    listener: SearchListener
    executor: Executor
    parallel: int | None = None
    clock: Clock = time.monotonic
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._records = CandidateRecords(self.database)
        self._ledger = Ledger(self.database, self.workspace.artifacts)
        self._racers: dict[str, Racer] = {}
        self._failed: dict[str, str] = {}
        self._earlier = 0.0
        self._idle = True

    def run(self) -> list[Placed]:
        """Run the search, or continue it; returns all candidates, the best ranked one first.

        Raises:
            UsageError: no candidate is fast enough.
            SerbenchError: no candidate could be tried, or none within the time; the same search is
                running in another process.
        """
        first = next(iter(self.plans.values()))
        with study_lease(self.database, self.workspace.artifacts, f"search-{first.dataset_hash}"):
            self._earlier = sum(map(self._records.seconds, self.plans.values()))
            fast = self._fast_enough()
            self._racers = {name: self._racer(name) for name in fast}
            while (step := self._next()) is not None:
                self._try(step)
            placed = self._rank()
            self._record_rest(placed[0].backbone)
            return placed

    def _record_rest(self, best: str) -> None:
        """Record the time between the steps and after them, so that a repeated command ends too.

        A run in which nothing was done takes nothing of the time.
        """
        if not self._idle:
            recorded = sum(map(self._records.seconds, self.plans.values())) - self._earlier
            rest = self.clock() - self.began - recorded
            self._records.add_seconds(self.plans[best], rest)

    @property
    def left(self) -> float:
        """Seconds left of the time of the search."""
        return 60 * self.minutes - self._earlier - (self.clock() - self.began)

    def _fast_enough(self) -> list[str]:
        """The candidates whose latency is low enough; it is measured once on each machine."""
        if self.max_latency_ms is None:
            return list(self.plans)
        machine, found = this_machine().fingerprint, []
        for name, plan in self.plans.items():
            p90 = self._records.latency(plan, machine)
            if p90 is None:
                self.listener.screening(plan)
                p90 = untrained_latency(plan, self.plugins, self.database)
                self._records.save_latency(plan, machine, p90)
            try:
                check_latency(plan, p90, self.max_latency_ms)
                found.append(name)
            except TooSlowError:
                self.listener.left_out(name, f"its latency is {p90:.1f} ms (p90, one thread)")
        if not found:
            raise UsageError(
                "the latency of every candidate is above --max-latency-ms "
                f"{self.max_latency_ms:g}: give a larger number, or smaller networks with "
                "--backbone",
                max_latency_ms=self.max_latency_ms,
            )
        return found

    def _next(self) -> Step | None:
        racers = [
            replace(racer, trial_seconds=None) if name in self._failed else racer
            for name, racer in self._racers.items()
            if racer.results or name not in self._failed
        ]
        return next_step(racers, self.left, 60 * self.minutes)

    def _try(self, step: Step) -> None:
        """Run the trials of one step, and record what it took."""
        self._idle = False
        racer, plan = self._racers[step.name], self.plans[step.name]
        self.listener.trying(step.name, len(racer.results) + 1, step.trials, self.left)
        watch = Watch(self.listener, plan, self._records, self.clock, self.clock() + step.seconds)
        try:
            with self._ledger.lease(plan), watch:
                run_part(
                    replace(plan, trials=step.trials),
                    *(self.plugins, self.workspace, self.database, watch, self.executor),
                    *(run_trials, self.parallel),
                )
        except TimeIsUp:
            self.listener.interrupted(step.name)
        except SerbenchError as error:
            self._fail(step.name, error)
        self._racers[step.name] = self._racer(step.name)
        best = max(self._racers.values(), key=lambda racer: _uar(racer) or -1.0)
        if (uar := _uar(best)) is not None:
            self.listener.standing(best.name, uar, self.left)

    def _fail(self, name: str, error: SerbenchError) -> None:
        self._failed[name] = str(error)
        self.listener.left_out(name, str(error))

    def _racer(self, name: str) -> Racer:
        """A candidate as it is recorded."""
        plan = self.plans[name]
        outcomes: dict[int, list[Outcome]] = {}
        for (trial, fold), outcome in self._ledger.outcomes(plan).items():
            if isinstance(fold, int):
                outcomes.setdefault(trial, []).append(outcome)
        ended = list(takewhile(lambda trial: trial.finished, self._ledger.history(plan)))
        manifest = Datasets(self.database).manifest(plan.dataset, plan.dataset_hash)

        def result(trial: TrialRecord) -> Result:
            if trial.state != COMPLETE:
                return Result(None)
            folds = sorted(outcomes[trial.number], key=lambda each: int(each.fold))
            rows = np.concatenate([fold.rows for fold in folds])
            logits = np.concatenate([fold.logits for fold in folds])
            targets, speakers = manifest.targets[rows], manifest.speakers[rows]
            return Result(trial.mean_uar, tally(logits, targets, speakers))

        spent = [
            sum(fold.seconds for fold in outcomes[trial.number])
            for trial in ended
            if trial.state == COMPLETE
        ]
        longest = max((each.seconds for folds in outcomes.values() for each in folds), default=0.0)
        return Racer(
            name,
            tuple(map(result, ended)),
            self._records.seconds(plan),
            max(spent, default=None),
            RANKING + LAST_TRAINING * longest,
        )

    def _rank(self) -> list[Placed]:
        """Train, test and measure the winners of the candidates that are ranked."""
        racers = list(self._racers.values())
        chosen = finalists(racers)
        if not chosen:
            raise self._nothing(in_time=len(self._failed) == len(racers))
        self.listener.ranking([racer.name for racer in chosen], len(racers))
        placed: list[Placed] = []
        for racer in chosen:
            plan = replace(self.plans[racer.name], trials=1)
            known = self._entry(plan) is not None
            if placed and not known and self.left < racer.rank_seconds:
                placed.append(_not_ranked(racer, "no time was left for its last training"))
                continue
            try:
                placed.append(Placed(racer.name, len(racer.results), _uar(racer), self._end(plan)))
            except SerbenchError as error:
                self._fail(racer.name, error)
                placed.append(_not_ranked(racer, str(error)))
        if all(each.entry is None for each in placed):
            raise self._nothing()
        ranked = {racer.name for racer in chosen}
        for racer in racers:
            if racer.name in ranked:
                continue
            behind = "in the worse half after the first trial"
            usual = behind if _uar(racer) is not None else "its first trial was not completed"
            placed.append(_not_ranked(racer, self._failed.get(racer.name, usual)))
        return placed

    def _entry(self, plan: StudyPlan) -> int | None:
        """The entry of a candidate without further trials since it was ranked."""
        before = standings(self.database, plan)
        return before[0].entry if before and all(each.finished for each in before) else None

    def _end(self, plan: StudyPlan) -> int:
        """End the study of a candidate; gives the number of its entry."""
        systems = Systems(self.database)
        with self._ledger.lease(plan):
            entry = self._entry(plan)
            if entry is None:
                self._idle = False
                prepared = run_part(
                    plan,
                    *(self.plugins, self.workspace, self.database, self.listener, self.executor),
                    *(run_winner, self.parallel),
                )
                entry = systems.rank(plan, list(self.plugins.metrics), prepared.lineage)
            complete_entry(entry, plan, self.plugins, systems, self.workspace, self.listener)
        return entry

    def _nothing(self, in_time: bool = True) -> SerbenchError:
        """Why no candidate is ranked: the time is over, or all have failed."""
        if not in_time:
            return SerbenchError(
                f"no candidate completed its first trial within {self.minutes:g} minutes: give "
                "more --minutes, and the same command continues where it stopped",
                minutes=self.minutes,
            )
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self._failed.items())
        return SerbenchError(f"no candidate could be ranked ({reasons})", failed=self._failed)


def _uar(racer: Racer) -> float | None:
    best = racer.best()
    return None if best is None else best.uar


def _not_ranked(racer: Racer, reason: str) -> Placed:
    return Placed(racer.name, len(racer.results), _uar(racer), None, reason)
