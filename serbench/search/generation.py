"""Generations of trials; trials in parallel and in sequence have the same outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from serbench.errors import DivergedError
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Outcome
from serbench.model.recipe import Configuration
from serbench.model.training import EpochReport
from serbench.search.events import (
    PRUNED,
    Event,
    FoldScored,
    TrialEnded,
    TrialRecord,
    TrialStarted,
)
from serbench.search.progress import Progress
from serbench.search.propose import propose
from serbench.search.pruning import BestSoFar

if TYPE_CHECKING:
    from serbench.search.study import Search


@dataclass
class _Entrant:
    """A running trial.

    ``outcomes`` may contain folds that are not ``judged`` yet, since folds before them are still
    running. ``failures`` contains the reason for each fold whose training diverged. ``twin`` is an
    earlier trial with the same configuration, whose outcome this trial will have.
    """

    trial: TrialRecord
    configuration: Configuration
    order: Sequence[int]
    outcomes: dict[int, Outcome]
    twin: int | None
    submitted: set[int] = field(default_factory=set)
    failures: dict[int, str] = field(default_factory=dict)
    judged: list[int] = field(default_factory=list)
    ended: bool = False

    def next_fold(self) -> int | None:
        """The first fold, in the order of judging, that has not begun."""
        begun = self.outcomes.keys() | self.submitted | self.failures.keys()
        return next((number for number in self.order if number not in begun), None)

    @property
    def next_judged(self) -> int:
        """The next fold to be judged."""
        return self.order[len(self.judged)]

    @property
    def waits(self) -> bool:
        """Whether the next fold to be judged is running."""
        return self.next_judged in self.submitted


class Generation:
    """Runs a generation of trials; folds are judged in the same order as if run in sequence."""

    def __init__(
        self,
        search: Search,
        numbers: range,
        best_so_far: BestSoFar | None,
        progress: Progress,
        order: Sequence[int],
        executor: Executor,
        on_epoch: Callable[[int, int | str, EpochReport], None],
    ) -> None:
        self._search = search
        self._coming = [number for number in numbers if not progress.finished(number)]
        self._best_so_far = best_so_far
        self._progress = progress
        self._order = order
        self._executor = executor
        self._on_epoch = on_epoch
        self._entrants: list[_Entrant] = []
        self._running: list[tuple[_Entrant, int, Future[Outcome]]] = []

    def run(self) -> Iterator[Event]:
        """All events, until all trials have ended or the time is up.

        If it is closed before, or a listener raises an error, the running jobs are cancelled.
        """
        try:
            while True:
                yield from self._judge()
                yield from self._fill()
                if not self._running:
                    if all(entrant.ended for entrant in self._entrants):
                        return
                    continue
                self._executor.wait([future for _, _, future in self._running])
                self._collect()
        finally:
            for _, _, future in self._running:
                self._executor.cancel(future)

    def _judge(self) -> Iterator[Event]:
        for entrant in self._entrants:
            if entrant.twin is not None and not entrant.ended:
                if self._progress.finished(entrant.twin):
                    yield from self._repeat(entrant, entrant.twin)
                continue
            while not entrant.ended and entrant.next_judged in entrant.outcomes:
                number = entrant.next_judged
                outcome = entrant.outcomes[number]
                if not self._progress.has(outcome.trial, number):
                    self._progress.add(outcome)
                    yield FoldScored(outcome)
                    entrant.outcomes[number] = replace(outcome, state={})
                entrant.judged.append(number)
                pruned = outcome.pruned or self._worse(entrant)
                if pruned or len(entrant.judged) == len(entrant.order):
                    yield from self._end(entrant, pruned)
            if not entrant.ended and entrant.next_judged in entrant.failures:
                yield from self._end(entrant, failure=entrant.failures[entrant.next_judged])

    def _worse(self, entrant: _Entrant) -> bool:
        judged = {number: entrant.outcomes[number] for number in entrant.judged}
        unfinished = len(judged) < len(entrant.order)
        return unfinished and self._best_so_far is not None and self._best_so_far.worse(judged)

    def _end(
        self,
        entrant: _Entrant,
        pruned: bool = False,
        repeats: int | None = None,
        failure: str = "",
    ) -> Iterator[Event]:
        entrant.ended = True
        for other, _, future in self._running:
            if other is entrant:
                self._executor.cancel(future)
        uars = tuple(entrant.outcomes[number].uar for number in entrant.judged)
        trial = entrant.trial
        ended = TrialEnded(trial.number, trial.parameters, pruned, uars, repeats, failure)
        yield ended
        self._progress.end(ended, entrant.judged)

    def _fill(self) -> Iterator[Event]:
        """Start jobs until all slots are used: first folds to be judged next, then later folds."""
        while len(self._running) < self._search.compute.parallel:
            open_ = [each for each in self._entrants if not each.ended and each.twin is None]
            waited_for = next((entrant for entrant in open_ if not entrant.waits), None)
            if waited_for is None and self._coming and not self._too_late(self._coming[0]):
                yield from self._start(self._coming.pop(0))
                continue
            ahead = [entrant for entrant in open_ if entrant.next_fold() is not None]
            entrant = waited_for or min(ahead, key=lambda each: len(each.submitted), default=None)
            if entrant is None:
                return
            self._submit(entrant)

    def _too_late(self, number: int) -> bool:
        """Whether there is no time for a trial; the first one and those begun are run anyway."""
        return number > 0 and not self._progress.begun(number) and self._progress.time_is_up

    def _start(self, number: int) -> Iterator[Event]:
        search, progress = self._search, self._progress
        if progress.begun(number):
            parameters = dict(progress.trials[number].parameters)
        else:
            parameters = propose(progress.trials, number, search.space, search.plan.root_seed)
        configuration = Configuration.from_parameters(parameters)
        twin = self._twin(configuration, number)
        yield TrialStarted(number, parameters)
        trial = progress.begin(number, parameters)
        known = progress.folds_of(number)
        self._entrants.append(_Entrant(trial, configuration, self._order, known, twin))
        yield from self._judge()

    def _submit(self, entrant: _Entrant) -> None:
        number = entrant.next_fold()
        assert number is not None
        trial = entrant.trial.number
        first = number == entrant.order[0]
        reference = (
            self._best_so_far.loss_reference(number)
            if self._best_so_far is not None and first
            else None
        )
        job = self._search.job(trial, entrant.configuration, number, reference)
        future = self._executor.submit(
            run_fold, job, lambda report: self._on_epoch(trial, number, report)
        )
        entrant.submitted.add(number)
        self._running.append((entrant, number, future))

    def _collect(self) -> None:
        """Take the results of finished jobs, and discard those of trials that have ended."""
        done = [each for each in self._running if each[2].done()]
        self._running = [each for each in self._running if not each[2].done()]
        for entrant, number, future in done:
            entrant.submitted.discard(number)
            if not entrant.ended:
                try:
                    entrant.outcomes[number] = future.result()
                except DivergedError as error:
                    entrant.failures[number] = str(error)

    def _twin(self, configuration: Configuration, number: int) -> int | None:
        """The first earlier trial with the same configuration, or None."""
        for other in self._progress.trials[:number]:
            if Configuration.from_parameters(other.parameters) == configuration:
                return other.number
        return None

    def _repeat(self, entrant: _Entrant, twin: int) -> Iterator[Event]:
        """End a trial with the outcome of an earlier one with the same configuration."""
        outcomes = self._progress.folds_of(twin)
        ended = self._progress.trials[twin]
        for number in (each for each in entrant.order if each in outcomes):
            outcome = replace(outcomes[number], trial=entrant.trial.number, seconds=0.0)
            entrant.outcomes[number] = outcome
            if not self._progress.has(outcome.trial, number):
                self._progress.add(outcome)
                yield FoldScored(outcome)
            entrant.judged.append(number)
        yield from self._end(entrant, ended.state == PRUNED, twin, ended.failure)
