"""What happens in a study, in the order in which it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from serbench.execute.job import Outcome

RUNNING, COMPLETE, PRUNED, FAILED = "running", "complete", "pruned", "failed"
"""States of a trial."""

Known: TypeAlias = "Mapping[tuple[int, int | str], Outcome]"
"""What earlier runs of the same study already recorded: (trial, fold) → outcome."""


@dataclass(frozen=True)
class TrialStarted:
    """A configuration is about to be tried."""

    trial: int
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class FoldScored:
    """A fold was trained and tested just now."""

    outcome: Outcome


@dataclass(frozen=True)
class TrialEnded:
    """A configuration was tried on all folds, was pruned after some, or failed.

    Attributes:
        trial: its number.
        parameters: of the configuration.
        pruned: whether it was pruned.
        uars: of the folds that were run, in the order in which they were judged.
        repeats: number of the trial that had tried the same configuration, whose folds these are.
        failure: why no network can be trained with this configuration; empty where one can.
    """

    trial: int
    parameters: Mapping[str, float]
    pruned: bool
    uars: tuple[float, ...]
    repeats: int | None = None
    failure: str = ""

    @property
    def state(self) -> str:
        """``failed``, ``pruned`` or ``complete``."""
        if self.failure:
            return FAILED
        return PRUNED if self.pruned else COMPLETE

    @property
    def mean_uar(self) -> float | None:
        """Mean over the folds that were run; None where the configuration failed."""
        return None if self.failure else fmean(self.uars)  # the same in whatever order


@dataclass(frozen=True)
class HoldoutStarted:
    """The search is over; the winner is about to be refitted and tested on the holdout."""

    trial: int


@dataclass(frozen=True)
class WinnerTested:
    """The best configuration, refitted on all dev speakers and scored once on the holdout."""

    trial: int
    parameters: Mapping[str, float]
    outcome: Outcome


Event = TrialStarted | FoldScored | TrialEnded | HoldoutStarted | WinnerTested
