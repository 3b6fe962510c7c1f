"""What of a study is known: its trials and folds, and their training time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from serbench.data.protocols import HOLDOUT
from serbench.execute.job import Outcome
from serbench.model.recipe import Parameter
from serbench.search.events import (
    Known,
    TrialEnded,
    TrialRecord,
)
from serbench.search.propose import best_of, record_of


class Progress:
    """All trials and folds of a study so far, and their training time."""

    def __init__(
        self,
        history: Sequence[TrialRecord],
        known: Known,
        order: Sequence[int],
        timeout: float | None,
    ) -> None:
        self.order = order
        self._timeout = timeout
        self._outcomes = dict(known)
        # Tests on the holdout do not count, so that they do not influence any trial.
        searched = (outcome for (_, fold), outcome in known.items() if fold != HOLDOUT)
        self._spent = sum(outcome.seconds for outcome in searched)
        self._trials = [self._judged(trial) for trial in history]

    def _judged(self, trial: TrialRecord) -> TrialRecord:
        """A trial with its folds in the order in which they are judged."""
        uars = {fold: trial.uars[fold] for fold in self.order if fold in trial.uars}
        return replace(trial, uars=uars)

    @property
    def trials(self) -> Sequence[TrialRecord]:
        """All trials, by number."""
        return self._trials

    def begun(self, number: int) -> bool:
        """Whether a trial has begun."""
        return number < len(self._trials)

    def finished(self, number: int) -> bool:
        """Whether a trial is complete, was pruned, or failed."""
        return self.begun(number) and self._trials[number].finished

    def best(self, before: int | None = None) -> TrialRecord | None:
        """The best complete trial, among all or those before a number."""
        return best_of(self._trials[:before])

    def begin(self, number: int, parameters: dict[str, Parameter]) -> TrialRecord:
        """Add a trial, unless an earlier run has added it."""
        if not self.begun(number):
            self._trials.append(TrialRecord(number, parameters))
        return self._trials[number]

    def end(self, ended: TrialEnded, folds: Sequence[int]) -> None:
        """End a trial, given its folds in the order in which they were judged."""
        self._trials[ended.trial] = record_of(ended, folds)

    def folds_of(self, trial: int) -> dict[int, Outcome]:
        """Number of the fold → outcome, of one trial."""
        return {
            int(fold): outcome
            for (number, fold), outcome in self._outcomes.items()
            if number == trial and fold != HOLDOUT
        }

    def has(self, trial: int, fold: int) -> bool:
        """Whether the outcome of a fold is known."""
        return (trial, fold) in self._outcomes

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of a fold, without its network."""
        self._outcomes[outcome.trial, outcome.fold] = replace(outcome, state={})
        self._spent += outcome.seconds

    @property
    def time_is_up(self) -> bool:
        """Whether no further trial may start."""
        return self._timeout is not None and self._spent >= self._timeout
