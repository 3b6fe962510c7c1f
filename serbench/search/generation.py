"""Trials that were chosen together, tried side by side or one after another with one outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from optuna.trial import Trial, TrialState

from serbench.data.protocols import HOLDOUT
from serbench.execute.executor import Executor, Task
from serbench.execute.fold import Bench, FoldOutcome
from serbench.model.training import EpochReport
from serbench.search import crossval
from serbench.search.events import Event, FoldScored, Known, TrialEnded, TrialStarted
from serbench.search.proposals import Proposals
from serbench.search.pruning import Yardstick, telling_order
from serbench.search.space import Configuration


class Progress:
    """All folds of a study so far, and the time they took."""

    def __init__(self, known: Known, timeout: float | None) -> None:
        self._outcomes = dict(known)
        self._timeout = timeout
        self._spent = sum(outcome.seconds for outcome in known.values())

    def folds_of(self, trial: int) -> dict[int, FoldOutcome]:
        """Number of the fold → outcome, of one trial."""
        return {
            int(fold): outcome
            for (number, fold), outcome in self._outcomes.items()
            if number == trial and fold != HOLDOUT
        }

    def has(self, trial: int, fold: int) -> bool:
        """Whether a fold is among them."""
        return (trial, fold) in self._outcomes

    def add(self, outcome: FoldOutcome) -> None:
        """Count one more."""
        self._outcomes[outcome.trial, outcome.fold] = outcome
        self._spent += outcome.seconds

    @property
    def time_is_up(self) -> bool:
        """Whether no further trial may start."""
        return self._timeout is not None and self._spent >= self._timeout


@dataclass
class _Entrant:
    """A trial under way.

    ``outcomes`` may hold folds that are not ``judged`` yet: those before them are still running.
    ``twin`` is an earlier trial of the same configuration, whose outcome this one will share.
    """

    trial: Trial
    configuration: Configuration
    order: list[int]
    outcomes: dict[int, FoldOutcome]
    twin: int | None
    submitted: set[int] = field(default_factory=set)
    judged: list[int] = field(default_factory=list)
    ended: bool = False

    def next_fold(self) -> int | None:
        """The first fold in order that nobody has begun."""
        begun = self.outcomes.keys() | self.submitted
        return next((number for number in self.order if number not in begun), None)

    @property
    def waits(self) -> bool:
        """Whether the fold that is to be judged next is running."""
        return self.order[len(self.judged)] in self.submitted


class Generation:
    """Runs a generation of trials; every fold is judged as if it had run alone and in its turn."""

    def __init__(
        self,
        bench: Bench,
        proposals: Proposals,
        numbers: range,
        yardstick: Yardstick | None,
        progress: Progress,
        executor: Executor,
        jobs: int,
        on_epoch: Callable[[int, int | str, EpochReport], None],
    ) -> None:
        self._bench = bench
        self._proposals = proposals
        self._coming = [number for number in numbers if not proposals.finished(number)]
        self._yardstick = yardstick
        self._progress = progress
        self._executor = executor
        self._jobs = jobs
        self._on_epoch = on_epoch
        self._order = telling_order(bench.split.folds, bench.manifest.targets)
        self._entrants: list[_Entrant] = []
        self._running: list[tuple[_Entrant, int, Task]] = []

    def run(self) -> Iterator[Event]:
        """Everything that happens, until all trials have ended or the time is up."""
        while True:
            yield from self._judge()
            yield from self._fill()
            if not self._running:
                if not any(not entrant.ended for entrant in self._entrants):
                    return
                continue
            self._executor.wait([task for _, _, task in self._running])
            self._collect()

    def _judge(self) -> Iterator[Event]:
        for entrant in self._entrants:
            if entrant.twin is not None and not entrant.ended:
                if self._proposals.finished(entrant.twin):
                    yield from self._repeat(entrant, entrant.twin)
                continue
            while not entrant.ended and entrant.order[len(entrant.judged)] in entrant.outcomes:
                number = entrant.order[len(entrant.judged)]
                outcome = entrant.outcomes[number]
                if not self._progress.has(outcome.trial, number):
                    self._progress.add(outcome)
                    yield FoldScored(outcome)
                entrant.judged.append(number)
                self._proposals.report(entrant.trial, len(entrant.judged) - 1, outcome.scores.uar)
                pruned = outcome.pruned or self._worse(entrant)
                if pruned or len(entrant.judged) == len(entrant.order):
                    yield from self._end(entrant, pruned)

    def _worse(self, entrant: _Entrant) -> bool:
        judged = {number: entrant.outcomes[number].scores for number in entrant.judged}
        unfinished = len(judged) < len(entrant.order)
        return unfinished and self._yardstick is not None and self._yardstick.worse(judged)

    def _end(self, entrant: _Entrant, pruned: bool, repeats: int | None = None) -> Iterator[Event]:
        entrant.ended = True
        for other, _, task in self._running:
            if other is entrant:
                self._executor.cancel(task)
        uars = tuple(entrant.outcomes[number].scores.uar for number in entrant.judged)
        ended = TrialEnded(entrant.trial.number, entrant.trial.params, pruned, uars, repeats)
        # The driver records the end before Optuna does: stopped in between, it is told again.
        yield ended
        self._proposals.tell(entrant.trial, ended.mean_uar, pruned)

    def _fill(self) -> Iterator[Event]:
        """Give everybody something to do: what is waited for first, what may be needed last."""
        while len(self._running) < self._jobs:
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
        """Whether the time is up for a trial; the first one, and one begun, go on all the same."""
        begun = number < len(self._proposals.history())
        return number > 0 and not begun and self._progress.time_is_up

    def _start(self, number: int) -> Iterator[Event]:
        trial = self._proposals.trial(number)
        configuration = Configuration.from_parameters(trial.params)
        known, twin = self._progress.folds_of(number), self._twin(configuration, number)
        self._entrants.append(_Entrant(trial, configuration, self._order, known, twin))
        yield TrialStarted(number, trial.params)
        yield from self._judge()

    def _submit(self, entrant: _Entrant) -> None:
        number = entrant.next_fold()
        assert number is not None
        trial = entrant.trial.number
        bar = None if self._yardstick is None else self._yardstick.bar(number)
        fold = self._bench.split.folds[number]
        arguments = (self._bench, trial, entrant.configuration, number, fold, bar)
        task = self._executor.submit(
            crossval.run_fold, arguments, lambda report: self._on_epoch(trial, number, report)
        )
        entrant.submitted.add(number)
        self._running.append((entrant, number, task))

    def _collect(self) -> None:
        """Take what is done; of a trial that has ended meanwhile, nothing is wanted."""
        done = [each for each in self._running if each[2].done]
        self._running = [each for each in self._running if not each[2].done]
        for entrant, number, task in done:
            entrant.submitted.discard(number)
            if not entrant.ended:
                entrant.outcomes[number] = task.result().outcome

    def _twin(self, configuration: Configuration, number: int) -> int | None:
        """The first of all earlier trials of the same configuration, or None."""
        for other in self._proposals.history()[:number]:
            if Configuration.from_parameters(other.params) == configuration:
                return other.number
        return None

    def _repeat(self, entrant: _Entrant, twin: int) -> Iterator[Event]:
        """End a trial as another one ended that tried the same; nothing is trained."""
        outcomes = self._progress.folds_of(twin)
        pruned = self._proposals.history()[twin].state == TrialState.PRUNED
        for number in (each for each in entrant.order if each in outcomes):
            outcome = replace(outcomes[number], trial=entrant.trial.number, seconds=0.0)
            entrant.outcomes[number] = outcome
            if not self._progress.has(outcome.trial, number):
                self._progress.add(outcome)
                yield FoldScored(outcome)
            entrant.judged.append(number)
            self._proposals.report(entrant.trial, len(entrant.judged) - 1, outcome.scores.uar)
        yield from self._end(entrant, pruned, repeats=twin)
