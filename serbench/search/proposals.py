"""Which settings a study tries: Optuna's trials, chosen so that no interruption changes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from serbench.data.seeds import derive_seed
from serbench.search.plan import StudyPlan
from serbench.search.space import SearchSpace

FIRST_STEPS = 10
"""Before so many trials there is too little for TPE to learn from seven parameters.

Until then each configuration is a step from the best so far: most budgets on a CPU end here, and
settings drawn wholly at random hardly ever beat the paper's.
"""

GENERATION = 3
"""After the first trial so many are chosen by what was known before all of them.

They can be tried side by side, and whether they are changes nothing.
"""


class Proposals:
    """The trials of a study, in Optuna's storage."""

    def __init__(self, plan: StudyPlan, space: SearchSpace, storage: BaseStorage) -> None:
        self._plan = plan
        self._space = space
        self._study = optuna.create_study(
            storage=storage,
            study_name=f"serbench-{plan.key}",
            direction="maximize",
            load_if_exists=True,
        )

    def history(self) -> list[FrozenTrial]:
        """All trials so far, by number."""
        return self._study.get_trials(deepcopy=False)

    def best(self, before: int | None = None) -> FrozenTrial | None:
        """The best trial tried on all folds, among all or those before a number."""
        return _best(self.history()[:before])

    def trial(self, number: int) -> Trial:
        """A trial to be tried: one that an interruption left unfinished, or a new one.

        A new configuration is chosen by a sampler seeded with (study seed, trial number) that sees the
        trials of earlier generations, and enqueued whole before it starts: so an interruption at
        any moment changes neither this configuration nor the next.
        """
        history = self.history()
        if number < len(history) and history[number].state == TrialState.RUNNING:
            # Optuna has no public way back to a trial.
            trial = Trial(self._study, history[number]._trial_id)
        else:
            if number == len(history):
                chosen = _choose(
                    history[: generation_of(number).start],
                    number,
                    self._space,
                    self._plan.root_seed,
                )
                self._study.enqueue_trial(chosen)
            trial = self._study.ask()
        _suggest(trial, self._space)
        return trial

    def finished(self, number: int) -> bool:
        """Whether a trial was tried to its end, or pruned."""
        history = self.history()
        return number < len(history) and history[number].state.is_finished()

    def report(self, trial: Trial, step: int, uar: float) -> None:
        """Tell Optuna of a fold, unless an earlier run did."""
        if step not in self.history()[trial.number].intermediate_values:
            trial.report(uar, step)

    def tell(self, trial: Trial, mean_uar: float, pruned: bool) -> None:
        """Tell Optuna how a trial ended."""
        if pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, mean_uar)


def generation_of(number: int) -> range:
    """The numbers of the trials that are chosen together with a trial, itself among them."""
    if number == 0:
        return range(1)
    start = number - (number - 1) % GENERATION
    return range(start, start + GENERATION)


def _choose(
    history: Sequence[FrozenTrial], number: int, space: SearchSpace, seed: int
) -> dict[str, float]:
    """The paper's configuration, then steps from the best so far, then what TPE makes of them all."""
    best = _best(history)
    if best is None:
        return space.initial()
    seed = derive_seed(seed, "sampler", number)
    sampler = optuna.samplers.TPESampler(n_startup_trials=FIRST_STEPS, seed=seed)
    view = optuna.create_study(direction="maximize", sampler=sampler)
    view.add_trials(history)
    drawn: dict[str, float] = view.ask(space.distributions()).params
    if number >= FIRST_STEPS:
        return drawn
    return space.step(best.params, drawn, np.random.default_rng(seed))


def _best(history: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The best complete trial; of equals the first, where a database might name any."""
    complete = [trial for trial in history if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: trial.values[0], default=None)


def _suggest(trial: Trial, space: SearchSpace) -> None:
    for name, distribution in space.distributions().items():
        if isinstance(distribution, IntDistribution):
            trial.suggest_int(name, distribution.low, distribution.high)
        elif isinstance(distribution, FloatDistribution):
            trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
