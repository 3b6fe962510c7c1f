"""What happens in a study, in the order in which it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serbench.search.crossval import FoldOutcome, Trained

Known = Mapping[tuple[int, int | str], FoldOutcome]
"""What earlier runs of the same study already recorded: (trial, fold) → outcome."""


@dataclass(frozen=True)
class TrialStarted:
    """A setting is about to be tried."""

    trial: int
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class FoldScored:
    """A fold was trained and tested just now."""

    outcome: FoldOutcome


@dataclass(frozen=True)
class TrialEnded:
    """A setting was tried on all folds, or given up after some.

    Attributes:
        trial: its number.
        parameters: of the setting.
        pruned: whether it was given up.
        uars: of the folds that were run, in the order of running.
        repeats: number of the trial that had tried the same setting, whose folds these are.
    """

    trial: int
    parameters: Mapping[str, float]
    pruned: bool
    uars: tuple[float, ...]
    repeats: int | None = None

    @property
    def mean_uar(self) -> float:
        """Mean over the folds that were run."""
        return float(np.mean(self.uars))


@dataclass(frozen=True)
class ExamStarted:
    """The search is over; the winner is about to be refitted and examined."""

    trial: int


@dataclass(frozen=True)
class WinnerExamined:
    """The best setting, refitted on all dev speakers and scored once on the exam's."""

    trial: int
    parameters: Mapping[str, float]
    trained: Trained


Event = TrialStarted | FoldScored | TrialEnded | ExamStarted | WinnerExamined
