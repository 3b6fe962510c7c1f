"""A study: settings tried by cross-validation, the best one tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from serbench.data.protocols import HOLDOUT
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.fold import Bench, build_network
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.training import EpochReport
from serbench.search import crossval
from serbench.search.events import Event, HoldoutStarted, Known, WinnerTested
from serbench.search.generation import Generation, Progress
from serbench.search.proposals import Proposals, generation_of
from serbench.search.pruning import Yardstick
from serbench.search.space import Configuration, SearchSpace, search_space

OnEpoch = Callable[[int, int | str, EpochReport], None]
"""Called with trial, fold and report after each epoch."""


def space_of(bench: Bench) -> SearchSpace:
    """The search space of this backbone, schedule and these augmentations."""
    network, weights = build_network(bench, seed=0)
    pretrained = weights != NO_WEIGHTS  # random stages are not worth keeping
    return search_space(
        bench.scheduler.learning_rates,
        len(bench.backbone.stages(network.backbone)) if pretrained else 0,
        bench.backbone.initial_freeze_depth(network.backbone) if pretrained else 0,
        bench.augmentations,
        bench.plan.bounds,
    )


def run_study(
    bench: Bench,
    storage: BaseStorage,
    known: Known,
    on_epoch: OnEpoch = lambda trial, fold, report: None,
    executor: Executor | None = None,
    jobs: int = 1,
) -> Iterator[Event]:
    """Try settings until the budget is spent, then inspect the winner.

    A generator: whoever drives it records each outcome before the next one is asked for, so that
    a run that was stopped anywhere loses at most the folds under way. How many run at once
    changes no outcome.

    Args:
        bench: the plan and what it names.
        storage: where Optuna keeps its trials.
        known: outcomes of earlier runs of this plan; these folds are not trained again.
        on_epoch: called with trial, fold and report after each epoch.
        executor: where trainings run; in this process by default.
        jobs: how many trainings may run at once.
    """
    executor = executor or InThisProcess()
    plan = bench.plan
    proposals = Proposals(plan, space_of(bench), storage)
    progress = Progress(known, plan.timeout)
    number = 0
    while number < plan.trials:
        numbers = generation_of(number)
        best = None if plan.exhaustive else proposals.best(before=numbers.start)
        yardstick = None if best is None else _yardstick(bench, best, progress)
        generation = Generation(
            bench,
            proposals,
            range(number, min(numbers.stop, plan.trials)),
            yardstick,
            progress,
            executor,
            jobs,
            on_epoch,
        )
        yield from generation.run()
        number = numbers.stop
    winner = proposals.best()
    assert winner is not None, "the first trial is never pruned"
    if (winner.number, HOLDOUT) not in known:
        yield HoldoutStarted(winner.number)
        yield _inspect(bench, winner, executor, on_epoch)


def _yardstick(bench: Bench, best: FrozenTrial, progress: Progress) -> Yardstick | None:
    """What settings are held against; nothing where a database knows of the best only its mean."""
    outcomes = progress.folds_of(best.number)
    if len(outcomes) < len(bench.split.folds):
        return None
    return Yardstick(
        {number: outcome.scores for number, outcome in outcomes.items()},
        {number: outcome.losses for number, outcome in outcomes.items()},
    )


def _inspect(
    bench: Bench, winner: FrozenTrial, executor: Executor, on_epoch: OnEpoch
) -> WinnerTested:
    number = winner.number
    configuration = Configuration.from_parameters(winner.params)
    task = executor.submit(
        crossval.run_fold,
        (bench, number, configuration, HOLDOUT, bench.split.holdout, None),
        lambda report: on_epoch(number, HOLDOUT, report),
    )
    executor.wait([task])
    return WinnerTested(number, winner.params, task.result())
