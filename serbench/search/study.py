"""A study: settings tried one after another by cross-validation, the best one examined."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from serbench.data.protocols import EXAM
from serbench.data.seeds import derive_seed
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.training import EpochReport
from serbench.search.crossval import Bench, FoldOutcome, Trained, build_network, run_fold
from serbench.search.space import SearchSpace, Setting, search_space

WORSE_BY_CHANCE = 0.2
"""A trial ends early once its folds are worse than the best trial's with a smaller p-value.

With Wilcoxon's signed-rank test that takes at least three folds, each of them worse.
"""

FIRST_STEPS = 10
"""Before so many trials there is too little for TPE to learn from seven parameters.

Until then each setting is a step from the best so far: most budgets on a CPU end here, and
settings drawn wholly at random hardly ever beat the paper's.
"""

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
    """A setting was tried on all folds, or given up after some."""

    trial: int
    parameters: Mapping[str, float]
    pruned: bool
    uars: tuple[float, ...]

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


def space_of(bench: Bench) -> SearchSpace:
    """The search space of this backbone, schedule and these augmentations."""
    network, weights = build_network(bench, seed=0)
    pretrained = weights != NO_WEIGHTS  # random stages are not worth keeping
    return search_space(
        bench.scheduler.learning_rates,
        len(bench.backbone.stages(network.backbone)) if pretrained else 0,
        bench.backbone.paper_freeze_depth(network.backbone) if pretrained else 0,
        bench.augmentations,
        bench.plan.bounds,
    )


def run_study(
    bench: Bench,
    storage: BaseStorage,
    known: Known,
    on_epoch: Callable[[int, int | str, EpochReport], None] = lambda trial, fold, report: None,
) -> Iterator[Event]:
    """Try settings until the budget is spent, then examine the winner.

    A generator: whoever drives it records each outcome before the next one is computed, so that
    a run that was stopped anywhere loses at most the fold under way.

    Args:
        bench: the plan and what it names.
        storage: where Optuna keeps its trials.
        known: outcomes of earlier runs of this plan; these folds are not trained again.
        on_epoch: called with trial, fold and report after each epoch.
    """
    plan, folds = bench.plan, bench.split.folds
    space = space_of(bench)
    study = optuna.create_study(
        storage=storage,
        study_name=f"serbench-{plan.key}",
        direction="maximize",
        pruner=_fold_pruner(),
        load_if_exists=True,
    )
    spent = sum(outcome.seconds for outcome in known.values())
    while (
        trial := _next_trial(study, space, plan.trials, plan.timeout, spent, plan.root_seed)
    ) is not None:
        setting = Setting.from_parameters(trial.params)
        yield TrialStarted(trial.number, trial.params)
        uars: list[float] = []
        pruned = False
        reported = len(study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        for number, fold in enumerate(folds):
            outcome = known.get((trial.number, number))
            if outcome is None:
                outcome = run_fold(
                    bench,
                    trial.number,
                    setting,
                    number,
                    fold,
                    _told(on_epoch, trial.number, number),
                ).outcome
                spent += outcome.seconds
                yield FoldScored(outcome)
            uars.append(outcome.scores.uar)
            if number >= reported:
                trial.report(outcome.scores.uar, step=number)
            # Not again for a fold that an earlier run went past.
            if reported <= number + 1 < len(folds) and trial.should_prune():
                pruned = True
                break
        # The driver records the end before Optuna does: stopped in between, it is told again.
        yield TrialEnded(trial.number, trial.params, pruned, tuple(uars))
        if pruned:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, float(np.mean(uars)))
    winner = _best(study.get_trials(deepcopy=False))
    if (winner.number, EXAM) not in known:
        yield ExamStarted(winner.number)
        yield _examine(bench, winner, on_epoch)


def _fold_pruner() -> optuna.pruners.BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.pruners.WilcoxonPruner(p_threshold=WORSE_BY_CHANCE)


def _next_trial(
    study: optuna.Study,
    space: SearchSpace,
    trials: int,
    timeout: float | None,
    spent: float,
    seed: int,
) -> Trial | None:
    """The trial under way when a run was stopped, else a new one, else None.

    A new setting is chosen by a sampler seeded with (study seed, trial number) that sees only
    finished trials, and enqueued whole before it starts: so an interruption at any moment changes
    neither this setting nor the next.
    """
    history = study.get_trials(deepcopy=False)
    for stopped in history:
        if stopped.state == TrialState.RUNNING:
            resumed = Trial(study, stopped._trial_id)  # Optuna has no public way back to a trial
            _suggest(resumed, space)
            return resumed
    if not any(trial.state == TrialState.WAITING for trial in history):
        complete = any(trial.state == TrialState.COMPLETE for trial in history)
        out_of_time = timeout is not None and spent >= timeout and complete
        if len(history) >= trials or out_of_time:
            return None
        study.enqueue_trial(_choose(history, space, seed))
    trial = study.ask()
    _suggest(trial, space)
    return trial


def _choose(history: list[FrozenTrial], space: SearchSpace, seed: int) -> dict[str, float]:
    """The paper's setting, then steps from the best so far, then what TPE makes of them all."""
    if not history:
        return space.paper()
    seed = derive_seed(seed, "sampler", len(history))
    sampler = optuna.samplers.TPESampler(n_startup_trials=FIRST_STEPS, seed=seed)
    view = optuna.create_study(direction="maximize", sampler=sampler)
    view.add_trials(history)
    drawn: dict[str, float] = view.ask(space.distributions()).params
    if len(history) >= FIRST_STEPS:
        return drawn
    return space.step(_best(history).params, drawn, np.random.default_rng(seed))


def _suggest(trial: Trial, space: SearchSpace) -> None:
    for name, distribution in space.distributions().items():
        if isinstance(distribution, IntDistribution):
            trial.suggest_int(name, distribution.low, distribution.high)
        elif isinstance(distribution, FloatDistribution):
            trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


def _told(
    on_epoch: Callable[[int, int | str, EpochReport], None], trial: int, fold: int | str
) -> Callable[[EpochReport], None]:
    return lambda report: on_epoch(trial, fold, report)


def _best(history: Sequence[FrozenTrial]) -> FrozenTrial:
    """The best complete trial; of equals the first, where a database might name any."""
    complete = [trial for trial in history if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: trial.values[0])


def _examine(
    bench: Bench,
    winner: FrozenTrial,
    on_epoch: Callable[[int, int | str, EpochReport], None],
) -> WinnerExamined:
    setting = Setting.from_parameters(winner.params)
    number = winner.number
    trained = run_fold(
        bench, number, setting, EXAM, bench.split.exam, _told(on_epoch, number, EXAM)
    )
    return WinnerExamined(number, winner.params, trained)
