"""Events of a study, in the order in which they happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from serbench.errors import DivergedError
    from serbench.execute.job import Outcome
    from serbench.model.recipe import Parameter

RUNNING, COMPLETE, PRUNED, FAILED = "running", "complete", "pruned", "failed"
"""States of a trial."""

Known: TypeAlias = "Mapping[tuple[int, int | str], Outcome]"
"""Outcomes that earlier runs of the same study recorded: (trial, fold) → outcome."""


@dataclass(frozen=True)
class TrialRecord:
    """What is recorded of a trial.

    Attributes:
        number: number of the trial, from 0.
        parameters: parameters of its configuration, by name.
        state: ``running``, ``complete``, ``pruned`` or ``failed``.
        mean_uar: mean UAR over the folds that were run; None while it is running, or if it failed.
        uars: fold → UAR; for a finished trial in the order in which pruning was decided.
        failure: why it failed, else empty.
    """

    number: int
    parameters: Mapping[str, Parameter]
    state: str = RUNNING
    mean_uar: float | None = None
    uars: Mapping[int, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def finished(self) -> bool:
        """Whether it is complete, was pruned, or failed."""
        return self.state != RUNNING


@dataclass(frozen=True)
class TrialStarted:
    """The first fold of a configuration is about to be trained."""

    trial: int
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class FoldScored:
    """A fold was trained and tested."""

    outcome: Outcome


@dataclass(frozen=True)
class TrialEnded:
    """A configuration was trained on all folds, was pruned after some, or failed.

    Attributes:
        trial: number of the trial.
        parameters: parameters of the configuration.
        pruned: whether it was pruned.
        uars: UAR of each fold that was run, in the order in which pruning was decided.
        repeats: number of an earlier trial with the same configuration, whose results are used;
            None where there is none.
        failure: why no network could be trained with this configuration, else empty.
    """

    trial: int
    parameters: Mapping[str, Parameter]
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
        """Mean UAR over the folds that were run; None where the configuration failed."""
        return None if self.failure else fmean(self.uars)  # the same in any order


@dataclass(frozen=True)
class LastTrainingStarted:
    """The search has ended; the last training of the winner is about to begin."""

    trial: int


@dataclass(frozen=True)
class WinnerTested:
    """The best configuration was trained on all clips of the search, and tested on the holdout.

    The outcome has no test rows if there is no holdout.
    """

    trial: int
    parameters: Mapping[str, Parameter]
    outcome: Outcome


Event = TrialStarted | FoldScored | TrialEnded | LastTrainingStarted | WinnerTested


@dataclass(frozen=True)
class Repetition:
    """A training of a winner that is to be repeated with another seed.

    Attributes:
        training: id of the recorded training.
        number: number of the seed; the recorded training has number 1.
        outer_fold: number of the outer fold, from 0.
        trial: number of the trial, from 0.
        parameters: parameters of the configuration.
        fold: number of the fold, from 0, or ``holdout``.
        exactly: number of epochs of a training without early stopping; None for early stopping.
    """

    training: int
    number: int
    outer_fold: int
    trial: int
    parameters: Mapping[str, Parameter]
    fold: int | str
    exactly: int | None


Repeated: TypeAlias = "tuple[Repetition, Outcome | DivergedError]"
"""A repetition with its outcome, or with the reason why it has none."""
