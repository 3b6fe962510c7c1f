"""The listener of a whole search, and the watch over the time of one of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from serbench.execute.executor import Executor, Function, Nodes, Receive
from serbench.execute.job import Material, Outcome
from serbench.model.recipe import Parameter
from serbench.model.training import EpochReport
from serbench.run.listener import Listener
from serbench.search.events import Known, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.candidates import CandidateRecords

INTERVAL = 5.0
"""The time spent is recorded after so many seconds, so that a run that is killed loses no more."""

LOOK = 0.5
"""The time is checked after so many seconds of waiting, since an epoch may take minutes."""


class SearchListener(Listener):
    """Receives the events of a search among candidates, and those of their studies."""

    def left_out(self, backbone: str, reason: str) -> None:
        """A candidate is not tried, or not continued."""

    def trying(self, backbone: str, first: int, last: int, left: float) -> None:
        """Some trials of a candidate begin, numbered from 1; ``left`` is in seconds."""

    def interrupted(self, backbone: str) -> None:
        """The time that a candidate may take is over, within a trial."""

    def standing(self, backbone: str, uar: float, left: float) -> None:
        """The best candidate so far, its mean UA over the folds, and the seconds left."""

    def ranking(self, backbone: str, left: float) -> None:
        """A candidate becomes an entry: the last training of its winner, then its latency."""


class TimeIsUp(Exception):  # noqa: N818 - it is not an error
    """The time of a step is over."""


class Watch(Listener):
    """Passes the events of a study on, records the time that it takes, and stops it in time.

    Use it as a context manager around the study.

    Args:
        listener: receives the events.
        plan: plan of the study.
        records: records of the candidates.
        clock: the time in seconds.
        deadline: the time at which the study is stopped.

    Raises:
        TimeIsUp: from an event after the deadline, or from `check`.
    """

    def __init__(
        self,
        listener: Listener,
        plan: StudyPlan,
        records: CandidateRecords,
        clock: Callable[[], float],
        deadline: float,
    ) -> None:
        self._listener = listener
        self._plan, self._records = plan, records
        self._clock, self._deadline = clock, deadline
        self._recorded = clock()
        self._active = False
        self._folds = 0
        self._scored: Counter[int] = Counter()

    def __enter__(self) -> Self:
        self._active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Jobs that are cancelled may send further messages, which must not stop the next study.
        self._active = False
        self._record()

    def _record(self) -> None:
        now = self._clock()
        self._records.add_seconds(self._plan, now - self._recorded)
        self._recorded = now

    def check(self) -> None:
        """Record the time spent, and stop the study if its time is over.

        Raises:
            TimeIsUp: the deadline is over.
        """
        if not self._active:
            return
        if self._clock() - self._recorded >= INTERVAL:
            self._record()
        if self._clock() >= self._deadline:
            raise TimeIsUp

    def preparing(self, done: int, total: int) -> None:
        """Pass on, and check the time."""
        self._listener.preparing(done, total)
        self.check()

    def computing(self, done: int, total: int) -> None:
        """Pass on, and check the time."""
        self._listener.computing(done, total)
        self.check()

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Pass on."""
        self._listener.speed_tuning(plan)

    def begun(self, search: Search, known: Known) -> None:
        """Pass on."""
        self._folds = len(search.split.folds)
        self._scored = Counter(trial for trial, fold in known if isinstance(fold, int))
        self._listener.begun(search, known)

    def trial_started(self, trial: int, parameters: Mapping[str, Parameter]) -> None:
        """Pass on."""
        self._listener.trial_started(trial, parameters)

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """Pass on, and check the time."""
        if self._active:
            self._listener.epoch(trial, fold, report)
        self.check()

    def fold_scored(self, outcome: Outcome) -> None:
        """Pass on, and check the time, unless only the end of the trial must be recorded."""
        self._listener.fold_scored(outcome)
        self._scored[outcome.trial] += 1
        if self._scored[outcome.trial] < self._folds:
            self.check()

    def trial_ended(self, ended: TrialEnded) -> None:
        """Pass on, and check the time."""
        self._listener.trial_ended(ended)
        self.check()

    def restoring(self, trial: int, fold: int) -> None:
        """Pass on."""
        self._listener.restoring(trial, fold)

    def last_training_started(self, trial: int) -> None:
        """Pass on."""
        self._listener.last_training_started(trial)

    def last_training_lost(self) -> None:
        """Pass on."""
        self._listener.last_training_lost()

    def measuring(self, entry: int, threads: int) -> None:
        """Pass on, and record the time before the measurement."""
        self._record()
        self._listener.measuring(entry, threads)


class Watched:
    """An executor that checks the time while it waits, so that jobs are stopped within an epoch.

    Args:
        executor: runs the jobs.
        check: called while jobs run; an error that it raises leaves ``wait``.
    """

    def __init__(self, executor: Executor, check: Callable[[], None]) -> None:
        self._executor, self._check = executor, check

    @property
    def slots(self) -> int:
        """Number of jobs that can run at the same time."""
        return self._executor.slots

    def nodes(self) -> Nodes:
        """Pass on."""
        return self._executor.nodes()

    def start_ahead(self, backbone: str) -> None:
        """Pass on."""
        self._executor.start_ahead(backbone)

    def share(self, material: Material) -> str:
        """Pass on."""
        return self._executor.share(material)

    def submit(self, function: Function, job: Any, receive: Receive) -> Future[Any]:
        """Pass on."""
        return self._executor.submit(function, job, receive)

    def wait(self, futures: Sequence[Future[Any]], seconds: float | None = None) -> None:
        """Check the time until one of the futures is done; if it is over, cancel all of them."""
        while not any(future.done() for future in futures):
            self._executor.wait(futures, min(LOOK, seconds or LOOK))
            if any(future.done() for future in futures):
                return
            try:
                self._check()
            except BaseException:
                for future in futures:
                    self._executor.cancel(future)
                raise
            if seconds is not None:
                return

    def cancel(self, future: Future[Any]) -> None:
        """Pass on."""
        self._executor.cancel(future)
