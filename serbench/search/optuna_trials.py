"""Recorded trials in the terms of Optuna.

serbench's own tables are the only record of trials. What Optuna needs is made from them each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from serbench.model.ranges import Choice, Searched
from serbench.model.recipe import FREEZE_DEPTH
from serbench.search.events import COMPLETE, FAILED, PRUNED, RUNNING, TrialRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def distributions_of(ranges: Mapping[str, Searched]) -> dict[str, BaseDistribution]:
    """The ranges and choices as Optuna's distributions."""
    return {name: _distribution(name, each) for name, each in ranges.items()}


def _distribution(name: str, searched: Searched) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(searched, Choice):
        return CategoricalDistribution(searched.values)
    if name == FREEZE_DEPTH:
        return IntDistribution(int(searched.low), int(searched.high))
    return FloatDistribution(searched.low, searched.high, log=searched.log)


def proposed_from(trial: TrialRecord, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A finished trial for a proposal: Optuna ranks a failed one last since it has no value."""
    from optuna.trial import TrialState, create_trial

    complete = trial.state == COMPLETE
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=trial.mean_uar if complete else None,
        params=dict(trial.parameters),
        distributions=dict(distributions),
        intermediate_values={} if trial.state == FAILED else dict(enumerate(trial.uars.values())),
    )


def copied_from(trial: TrialRecord, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A trial with its recorded state, and the UA of each fold as an intermediate value.

    Steps of the intermediate values are the numbers of the folds, from 1. The reason why a trial
    failed is its user attribute ``failure``.
    """
    from optuna.trial import TrialState, create_trial

    states = {
        RUNNING: TrialState.RUNNING,
        COMPLETE: TrialState.COMPLETE,
        PRUNED: TrialState.PRUNED,
        FAILED: TrialState.FAIL,
    }
    return create_trial(
        state=states[trial.state],
        value=trial.mean_uar if trial.state == COMPLETE else None,
        params=dict(trial.parameters),
        distributions=dict(distributions),
        intermediate_values={fold + 1: uar for fold, uar in sorted(trial.uars.items())},
        user_attrs={"failure": trial.failure} if trial.failure else {},
    )


def study_copy(
    name: str,
    trials: Sequence[TrialRecord],
    ranges: Mapping[str, Searched],
    storage: BaseStorage | None = None,
) -> Study:
    """A study of Optuna with copies of recorded trials.

    Args:
        name: name of the study.
        trials: the recorded trials.
        ranges: the search space of the study.
        storage: where the copy is made; by default in memory.
    """
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    finally:
        optuna.logging.set_verbosity(verbosity)
    distributions = distributions_of(ranges)
    study.add_trials([copied_from(trial, distributions) for trial in trials])
    return study
