"""The interface that receives the events of a running study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serbench.errors import DivergedError
from serbench.execute.job import Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Parameter
from serbench.model.training import EpochReport
from serbench.search.events import Known, Repetition, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search


class Listener:
    """Receives all events of a study; this class ignores them.

    Trials, folds and outer folds are numbered from 0 here; output adds 1.
    """

    def screening(self, plan: StudyPlan) -> None:
        """The latency of the backbone is measured before the study."""

    def spent(self, trials: int) -> None:
        """No trial remains: the study has at least as many trials as requested."""

    def differs(self, study: int, options: Mapping[str, tuple[Any, Any]]) -> None:
        """The study is new; the options differ from the most similar earlier study: there, here."""

    def time_is_up(self, trials: int) -> None:
        """The time limit was reached after so many trials, before the last one."""

    def restoring(self, trial: int, fold: int) -> None:
        """The winner's network of a fold is missing and is trained again."""

    def preparing(self, done: int, total: int) -> None:
        """``done`` of ``total`` clips are prepared."""

    def computing(self, done: int, total: int) -> None:
        """The features of ``done`` of ``total`` clips are computed."""

    def speed_tuning(self, plan: StudyPlan) -> None:
        """A speed tuning begins, which takes some seconds."""

    def settled(self, compute: ComputeSettings) -> None:
        """The compute settings of the study are chosen."""

    def begun(self, search: Search, known: Known) -> None:
        """The study begins, or continues with the ``known`` outcomes of earlier runs."""

    def trial_started(self, trial: int, parameters: Mapping[str, Parameter]) -> None:
        """The trial of a configuration begins."""

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """An epoch ended."""

    def fold_scored(self, outcome: Outcome) -> None:
        """A fold is finished and recorded."""

    def trial_ended(self, ended: TrialEnded) -> None:
        """A trial is finished and recorded."""

    def last_training_started(self, trial: int) -> None:
        """The search is finished; the last training of the winner begins, then its test."""

    def last_training_lost(self) -> None:
        """The network of the last training is missing, which is therefore repeated."""

    def repeating(self, entry: int, trainings: int, seeds: int) -> None:
        """So many trainings of the winner of an entry are repeated with other seeds."""

    def repeated(self, repetition: Repetition, result: Outcome | DivergedError) -> None:
        """A training was repeated and is recorded, or it diverged."""

    def measuring(self, entry: int, threads: int) -> None:
        """The winner is recorded, and its latency on so many threads is measured."""
