"""Which configuration a trial tries: a pure function of the trials before it.

Optuna proposes in memory; its history is built anew each time from serbench's own records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from serbench.data.seeds import derive_seed
from serbench.search.events import COMPLETE, FAILED, RUNNING, TrialEnded
from serbench.search.space import SearchSpace

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FIRST_STEPS = 10
"""Before so many trials there is too little for TPE to learn from seven parameters.

Until then each configuration is a step from the best so far: most budgets on a CPU end here, and
configurations drawn wholly at random hardly ever beat the initial one.
"""

GENERATION = 3
"""After the first trial so many are chosen by what was known before all of them.

They can be tried side by side, and whether they are changes nothing.
"""


@dataclass(frozen=True)
class TrialRecord:
    """A trial as far as it is known.

    Attributes:
        number: from 0.
        parameters: of its configuration, by name.
        state: ``running``, ``complete``, ``pruned`` or ``failed``.
        mean_uar: mean UAR over the folds that were run; None while it is running, or if it failed.
        uars: fold → UAR; of a finished trial in the order in which the folds were judged.
        failure: why it failed, or an empty string.
    """

    number: int
    parameters: Mapping[str, float]
    state: str = RUNNING
    mean_uar: float | None = None
    uars: Mapping[int, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def finished(self) -> bool:
        """Whether it was tried to its end, was pruned, or failed."""
        return self.state != RUNNING


def record_of(ended: TrialEnded, folds: Sequence[int]) -> TrialRecord:
    """A trial that is over.

    Args:
        ended: how it ended.
        folds: those that were run, in the order in which they were judged.
    """
    return TrialRecord(
        ended.trial,
        ended.parameters,
        ended.state,
        ended.mean_uar,
        dict(zip(folds, ended.uars, strict=True)),
        ended.failure,
    )


def generation_of(number: int) -> range:
    """The numbers of the trials that are chosen together with a trial, itself among them."""
    if number == 0:
        return range(1)
    start = number - (number - 1) % GENERATION
    return range(start, start + GENERATION)


def best_of(history: Sequence[TrialRecord]) -> TrialRecord | None:
    """The best complete trial; of equals the first."""
    complete = [trial for trial in history if trial.state == COMPLETE]
    return max(complete, key=lambda trial: trial.mean_uar or 0.0, default=None)


def propose(
    history: Sequence[TrialRecord], number: int, space: SearchSpace, seed: int
) -> dict[str, float]:
    """The parameters that a trial tries.

    First the initial values, then steps from the best so far, then what TPE (Bergstra et al.
    2011) proposes. Only trials of earlier generations count, so that neither an interruption nor
    the number of trials at once changes what is proposed.

    Args:
        history: all trials so far, by number.
        number: of the trial.
        space: to choose from.
        seed: of the study.
    """
    earlier = history[: generation_of(number).start]
    if not earlier:
        return space.initial()
    best = best_of(earlier)
    import optuna

    seed = derive_seed(seed, "sampler", number)
    sampler = optuna.samplers.TPESampler(n_startup_trials=FIRST_STEPS, seed=seed)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    optuna.logging.set_verbosity(verbosity)
    study.add_trials([_frozen(trial, space) for trial in earlier])
    drawn: dict[str, float] = study.ask(space.distributions()).params
    if number >= FIRST_STEPS:
        return drawn
    start = space.initial() if best is None else best.parameters  # where all have failed so far
    return space.step(start, drawn, np.random.default_rng(seed))


def _frozen(trial: TrialRecord, space: SearchSpace) -> FrozenTrial:
    """A finished trial as Optuna has it; a failed one is worse than all, since it has no value."""
    from optuna.trial import TrialState, create_trial

    complete = trial.state == COMPLETE
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=trial.mean_uar if complete else None,
        params=dict(trial.parameters),
        distributions=space.distributions(),
        intermediate_values={} if trial.state == FAILED else dict(enumerate(trial.uars.values())),
    )
