"""The configuration of the next trial, as a pure function of the trials before it.

Optuna proposes in memory; its history is rebuilt from serbench's own records each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from serbench.data.seeds import derive_seed
from serbench.model.recipe import Parameter
from serbench.search.events import COMPLETE, FAILED, RUNNING, TrialEnded

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from serbench.search.space import SearchSpace

FIRST_STEPS = 10
"""Number of trials before TPE is used, which needs more results to model seven parameters.

Until then each configuration is a step from the best one so far. Most studies on a CPU have no more
trials, and configurations drawn entirely at random are rarely better than the initial one.
"""

GENERATION = 3
"""Number of trials in a generation; they are chosen from the results of earlier generations only.

They can therefore run in parallel, and the results do not depend on whether they do.
"""


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


def record_of(ended: TrialEnded, folds: Sequence[int]) -> TrialRecord:
    """The record of a trial that has ended.

    Args:
        ended: the event.
        folds: folds that were run, in the order in which pruning was decided.
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
    """The numbers of the trials in the generation of a trial."""
    if number == 0:
        return range(1)
    start = number - (number - 1) % GENERATION
    return range(start, start + GENERATION)


def best_of(history: Sequence[TrialRecord]) -> TrialRecord | None:
    """The best complete trial, or the first of several equally good ones."""
    complete = [trial for trial in history if trial.state == COMPLETE]
    return max(complete, key=lambda trial: trial.mean_uar or 0.0, default=None)


def propose(
    history: Sequence[TrialRecord], number: int, space: SearchSpace, seed: int
) -> dict[str, Parameter]:
    """The parameters of a trial.

    The first trial has the initial values, the next ones are steps from the best so far, and later
    ones are proposed by TPE (Bergstra et al. 2011). Only trials of earlier generations are used, so
    that neither an interruption nor the number of parallel trials changes a proposal.

    Args:
        history: all trials so far, by number.
        number: number of the trial.
        space: search space.
        seed: seed of the study.
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
    drawn: dict[str, Parameter] = study.ask(space.distributions()).params
    if number >= FIRST_STEPS:
        return drawn
    start = space.initial() if best is None else best.parameters  # None: all have failed so far
    return space.step(start, drawn, np.random.default_rng(seed))


def _frozen(trial: TrialRecord, space: SearchSpace) -> FrozenTrial:
    """A finished trial for Optuna, which ranks a failed one last since it has no value."""
    from optuna.trial import TrialState, create_trial

    complete = trial.state == COMPLETE
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=trial.mean_uar if complete else None,
        params=dict(trial.parameters),
        distributions=space.distributions(),
        intermediate_values={} if trial.state == FAILED else dict(enumerate(trial.uars.values())),
    )
