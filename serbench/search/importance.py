"""The importance of searched parameters, as a pure function of the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serbench.model.recipe import Parameter
from serbench.search.events import COMPLETE, TrialRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DECADE = 10.0
"""Numbers whose largest is more than this many times the smallest are compared by logarithm."""

FEWEST_TRIALS = 4
"""With fewer complete trials nothing is estimated."""


@dataclass(frozen=True)
class Importance:
    """The importance of a searched parameter.

    Attributes:
        parameter: name of the parameter.
        share: share of the variance of mean UA over the values that were tried; the shares of all
            parameters add up to 1.
        trials: number of complete trials from which it was estimated.
    """

    parameter: str
    share: float
    trials: int


def searched(history: Sequence[TrialRecord]) -> list[str]:
    """The parameters with more than one value among the trials, in the order of the space."""
    names = dict.fromkeys(name for trial in history for name in trial.parameters)
    return [name for name in names if len(set(_values(history, name))) > 1]


def importances(history: Sequence[TrialRecord]) -> list[Importance]:
    """The importance of each searched parameter, the most important one first.

    It is the fANOVA of Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing
    hyperparameter importance", ICML, as Optuna computes it, over the range of the values that were
    tried. The bounds of the search would need the network of the backbone, and no trial shows what
    happens outside of the tried values.

    Args:
        history: all trials of a study.

    Returns:
        Nothing if fewer than two parameters have several values among the complete trials, fewer
        than `FEWEST_TRIALS` trials are complete, or all of them have the same mean UA.
    """
    complete = [trial for trial in history if trial.state == COMPLETE]
    names = searched(complete)
    uars = {trial.mean_uar for trial in complete}
    if len(names) < 2 or len(complete) < FEWEST_TRIALS or len(uars) == 1:
        return []
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    distributions = {name: _distribution(_values(complete, name)) for name in names}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    optuna.logging.set_verbosity(verbosity)
    study.add_trials(
        [
            create_trial(
                value=trial.mean_uar,
                params={name: trial.parameters[name] for name in names},
                distributions=distributions,
            )
            for trial in complete
        ]
    )
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return [Importance(name, float(share), len(complete)) for name, share in found.items()]


def is_logarithmic(values: Sequence[Parameter]) -> bool:
    """Whether all values are positive numbers that differ by more than a factor of `DECADE`."""
    numbers = [float(value) for value in values if not isinstance(value, str)]
    return len(numbers) == len(values) and min(numbers) > 0 and max(numbers) > DECADE * min(numbers)


def _values(history: Sequence[TrialRecord], name: str) -> list[Parameter]:
    return [trial.parameters[name] for trial in history if name in trial.parameters]


def _distribution(values: Sequence[Parameter]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if any(isinstance(value, str) for value in values):
        return CategoricalDistribution(sorted(map(str, set(values))))
    numbers = [float(value) for value in values]
    return FloatDistribution(min(numbers), max(numbers), log=is_logarithmic(values))
