"""The listener of a whole search, and the watch over the time of one of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from serbench.execute.job import Outcome
from serbench.model.recipe import Parameter
from serbench.model.training import EpochReport
from serbench.run.listener import Listener
from serbench.search.events import Known, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.candidates import CandidateRecords

INTERVAL = 5.0
"""The time spent is recorded after so many seconds, so that a run that is killed loses no more."""


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

    def ranking(self, backbones: Sequence[str], tried: int) -> None:
        """The trials are over; the winners of these candidates, of all tried, are ranked."""


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
        TimeIsUp: from an event after the deadline.
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

    def _check(self) -> None:
        if not self._active:
            return
        if self._clock() - self._recorded >= INTERVAL:
            self._record()
        if self._clock() >= self._deadline:
            raise TimeIsUp

    def preparing(self, done: int, total: int) -> None:
        """Pass on, and check the time."""
        self._listener.preparing(done, total)
        self._check()

    def computing(self, done: int, total: int) -> None:
        """Pass on, and check the time."""
        self._listener.computing(done, total)
        self._check()

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
        self._check()

    def fold_scored(self, outcome: Outcome) -> None:
        """Pass on, and check the time, unless only the end of the trial must be recorded."""
        self._listener.fold_scored(outcome)
        self._scored[outcome.trial] += 1
        if self._scored[outcome.trial] < self._folds:
            self._check()

    def trial_ended(self, ended: TrialEnded) -> None:
        """Pass on, and check the time."""
        self._listener.trial_ended(ended)
        self._check()
