"""The whole search among candidates: their studies, with the time that `racing` gives them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import SerbenchError, TooSlowError, UsageError
from serbench.execute.executor import Executor
from serbench.model.machine import this_machine
from serbench.plugins import Plugins
from serbench.run.completion import complete_entry
from serbench.run.racers import Recorded
from serbench.run.screening import check_latency, untrained_latency
from serbench.run.study import Prepared, run_part
from serbench.run.watch import SearchListener, TimeIsUp, Watch, Watched
from serbench.search.plan import StudyPlan
from serbench.search.racing import Racer, Step, next_step
from serbench.search.study import Part, run_trials, run_winner
from serbench.store.candidates import CandidateRecords
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.lease import search_key, study_lease
from serbench.store.ledger import Ledger
from serbench.store.systems import Systems
from serbench.workspace import Workspace

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
        first = next(iter(self.plans.values()))
        manifest = Datasets(self.database).manifest(first.dataset, first.dataset_hash)
        [split] = split_dataset(manifest, parse_protocol(first.protocol)).outer_folds
        self._recorded = Recorded(self.plugins, self.database, self._ledger, manifest, split)
        self._racers: dict[str, Racer] = {}
        self._failed: dict[str, str] = {}
        self._not_ranked: dict[str, str] = {}
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
        with study_lease(self.database, self.workspace.artifacts, search_key(first.dataset_hash)):
            self._earlier = sum(map(self._records.seconds, self.plans.values()))
            fast = self._fast_enough()
            self._racers = {name: self._recorded.racer(self.plans[name]) for name in fast}
            while (step := self._next()) is not None:
                self._idle = False
                if step.trials is None:
                    self._rank(step.name)
                else:
                    self._try(step.name, step.trials, step.seconds)
                    self._show_best()
            placed = self._placed()
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
            if name not in self._not_ranked
        ]
        tested_once = len(self._recorded.split.holdout.test) > 0
        return next_step(racers, self.left, 60 * self.minutes, tested_once)

    def _try(self, name: str, trials: int, seconds: float) -> None:
        """Run the trials of one step."""
        first = len(self._racers[name].results) + 1
        self.listener.trying(name, first, trials, self.left)
        plan = replace(self.plans[name], trials=trials)
        watch = Watch(self.listener, plan, self._records, self.clock, self.clock() + seconds)
        try:
            with self._ledger.lease(plan), watch:
                self._part(plan, watch, run_trials)
        except TimeIsUp:
            self.listener.interrupted(name)
        except SerbenchError as error:
            self._failed[name] = str(error)
            self.listener.left_out(name, str(error))
        self._racers[name] = self._recorded.racer(self.plans[name])

    def _show_best(self) -> None:
        best = max(self._racers.values(), key=lambda racer: _uar(racer) or -1.0)
        if (uar := _uar(best)) is not None:
            self.listener.standing(best.name, uar, self.left)

    def _rank(self, name: str) -> None:
        """Train the winner of a candidate on all clips, make it an entry, and measure it."""
        self.listener.ranking(name, self.left)
        plan, systems = replace(self.plans[name], trials=1), Systems(self.database)
        watch = Watch(self.listener, plan, self._records, self.clock, math.inf)
        try:
            with self._ledger.lease(plan), watch:
                entry, has_all_trials = self._recorded.entry(plan)
                if entry is None or not has_all_trials:
                    prepared = self._part(plan, watch, run_winner)
                    entry = systems.rank(plan, list(self.plugins.metrics), prepared.lineage)
                complete_entry(entry, plan, self.plugins, systems, self.workspace, watch)
        except SerbenchError as error:
            self._not_ranked[name] = str(error)
            self.listener.left_out(name, str(error))
        self._racers[name] = replace(self._recorded.racer(plan), is_current=True)

    def _part(self, plan: StudyPlan, watch: Watch, part: Part) -> Prepared:
        executor = Watched(self.executor, watch.check)
        everything = (self.plugins, self.workspace, self.database, watch, executor, part)
        return run_part(plan, *everything, self.parallel)

    def _placed(self) -> list[Placed]:
        """Every candidate, entries first, the best of them at the top.

        Raises:
            SerbenchError: there is no entry.
        """
        placed = []
        for name, racer in self._racers.items():
            tried = "its first trial was not completed" if _uar(racer) is None else None
            late = tried or "no time was left for its last training"
            reason = self._not_ranked.get(name) or self._failed.get(name, late)
            reason = reason if racer.entry is None else ""
            placed.append(Placed(name, len(racer.results), _uar(racer), racer.entry, reason))
        if all(each.entry is None for each in placed):
            raise self._nothing()
        return sorted(placed, key=lambda each: (each.entry is None, -(each.uar or 0.0)))

    def _nothing(self) -> SerbenchError:
        """Why there is no entry: the time is over, or all candidates have failed."""
        failed = self._failed | self._not_ranked
        if not self._not_ranked and len(failed) < len(self._racers):
            return SerbenchError(
                f"no candidate completed its first trial within {self.minutes:g} minutes: give "
                "more --minutes, and the same command continues where it stopped",
                minutes=self.minutes,
            )
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        return SerbenchError(f"no candidate could be ranked ({reasons})", failed=failed)


def _uar(racer: Racer) -> float | None:
    best = racer.best()
    return None if best is None else best.uar
