"""What a running study tells whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serbench.execute.job import Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.training import EpochReport
from serbench.search.events import Known, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search


class Listener:
    """Is told of everything that happens in a study; this one does nothing with it.

    Trials, folds and outer folds are numbered from 0 here: whoever shows them adds 1.
    """

    def spent(self, trials: int) -> None:
        """Nothing is left to do: so many trials were done, as many as are asked for or more."""

    def differs(self, study: int, options: Mapping[str, tuple[Any, Any]]) -> None:
        """A new study; the nearest earlier one and the options that differ: there, here."""

    def time_is_up(self, trials: int) -> None:
        """The time for training ran out after so many trials, before all were tried."""

    def restoring(self, trial: int, fold: int) -> None:
        """The winner's network of a fold is not there; it is about to be trained again."""

    def preparing(self, done: int, total: int) -> None:
        """``done`` of ``total`` clips are prepared."""

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Compute settings are about to be tried, for some seconds."""

    def settled(self, compute: ComputeSettings) -> None:
        """It is decided how the study is trained."""

    def begun(self, search: Search, known: Known) -> None:
        """The study begins, or continues with what is ``known`` from earlier runs."""

    def trial_started(self, trial: int, parameters: Mapping[str, float]) -> None:
        """A configuration is about to be tried."""

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """An epoch ended."""

    def fold_scored(self, outcome: Outcome) -> None:
        """A fold is done and recorded."""

    def trial_ended(self, ended: TrialEnded) -> None:
        """A configuration is done and recorded."""

    def holdout_started(self, trial: int) -> None:
        """The search is over; the winner is about to be refitted and tested on the holdout."""

    def holdout_lost(self) -> None:
        """The network that was tested on the holdout is lost; it is about to be trained again."""

    def measuring(self, entry: int, threads: int) -> None:
        """The winner is recorded; its latency on so many threads is being measured."""
