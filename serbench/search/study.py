"""A study: cross-validation of configurations, then a test of the best one on the holdout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, OuterFold, Protocol, validation_part
from serbench.data.seeds import derive_seed
from serbench.errors import DivergedError
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Job, LossReference
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.model.training import EpochReport
from serbench.search.events import (
    COMPLETE,
    Event,
    HoldoutStarted,
    Known,
    TrialEnded,
    WinnerTested,
)
from serbench.search.generation import Generation, Progress
from serbench.search.plan import StudyPlan
from serbench.search.propose import TrialRecord, generation_of
from serbench.search.pruning import BestSoFar, judging_order
from serbench.search.space import SearchSpace

OnEpoch = Callable[[int, int | str, EpochReport], None]
"""A function that receives trial, fold and report after each epoch."""


@dataclass(frozen=True)
class Search:
    """A plan with everything that the search of one outer fold needs.

    Attributes:
        plan: plan of the study.
        manifest: the dataset.
        protocol: the rule that made the split.
        split: the outer fold of the plan.
        outer_folds: number of outer folds.
        material: key of the shared material of the executor.
        space: the search space.
        compute: compute settings of its trainings.
    """

    plan: StudyPlan
    manifest: Manifest
    protocol: Protocol
    split: OuterFold
    outer_folds: int
    material: str
    space: SearchSpace
    compute: ComputeSettings

    def job(
        self,
        trial: int,
        configuration: Configuration,
        fold: int | str,
        reference: LossReference | None = None,
    ) -> Job:
        """The training of a configuration on one of the folds, or for the holdout.

        The seed of the training depends on study, trial and fold. The validation speakers depend on
        study and fold only, so that validation losses of all trials can be compared.
        """
        rows = self.split.holdout if fold == HOLDOUT else self.split.folds[int(fold)]
        root = self.plan.root_seed
        part = validation_part(
            self.manifest, self.protocol, rows.train, derive_seed(root, "validation", fold)
        )
        return Job(
            material=self.material,
            recipe=self.plan.recipe_of(configuration),
            configuration=configuration,
            trial=trial,
            fold=fold,
            train=part.train,
            validation=part.test,
            test=rows.test,
            seed=derive_seed(root, "training", trial, fold),
            compute=self.compute,
            reference=reference,
            whole=fold == HOLDOUT,
            frozen=self.space.freezes_everything(configuration),
            taps=self.space.taps,
        )


def run_study(
    search: Search,
    history: Sequence[TrialRecord],
    known: Known,
    executor: Executor,
    on_epoch: OnEpoch = lambda trial, fold, report: None,
) -> Iterator[Event]:
    """Try configurations until the budget is spent, then test the winner on the holdout.

    A configuration whose training diverges on a fold, or when it is refitted, has failed: it has no
    score, and the best of the others is tested.

    This is a generator: the caller records each event before it requests the next one, so that a
    run that is stopped loses at most the running folds. The number of trainings at once
    (``search.compute.parallel``) changes no outcome.

    Args:
        search: the search.
        history: trials of earlier runs of this plan.
        known: outcomes of earlier runs of this plan; these folds are not trained again.
        executor: runs the trainings.
        on_epoch: called with trial, fold and report after each epoch.

    Raises:
        DivergedError: all configurations failed.
    """
    plan = search.plan
    order = judging_order(search.split.folds, search.manifest.targets)
    progress = Progress(history, known, order, plan.timeout)
    number = 0
    while number < plan.trials:
        numbers = generation_of(number)
        best_so_far = None if plan.exhaustive else _best_so_far(search, progress, numbers.start)
        generation = Generation(
            search,
            range(number, min(numbers.stop, plan.trials)),
            best_so_far,
            progress,
            order,
            executor,
            on_epoch,
        )
        yield from generation.run()
        number = numbers.stop
    while (winner := progress.best()) is not None:
        if (winner.number, HOLDOUT) in known:
            return
        yield HoldoutStarted(winner.number)
        try:
            tested = _test_winner(search, winner, executor, on_epoch)
        except DivergedError as error:
            uars = tuple(winner.uars.values())
            ended = TrialEnded(winner.number, winner.parameters, False, uars, failure=str(error))
            progress.end(ended, tuple(winner.uars))
            yield ended
        else:
            yield tested
            return
    raise DivergedError(
        f"no configuration of {plan.backbone} could be trained, since every one diverged "
        f"({progress.trials[0].failure}): set lower learning rates under [search] in a study file",
        backbone=plan.backbone,
        trials=len(progress.trials),
    )


def _best_so_far(search: Search, progress: Progress, before: int) -> BestSoFar | None:
    """The best configuration so far, or None before the first trial is complete."""
    best = progress.best(before)
    if best is None:
        return None
    complete = [trial for trial in progress.trials[:before] if trial.state == COMPLETE]
    others = [trial.uars for trial in complete if trial.number != best.number]
    return BestSoFar(progress.folds_of(best.number), search.manifest.targets, others)


def _test_winner(
    search: Search, winner: TrialRecord, executor: Executor, on_epoch: OnEpoch
) -> WinnerTested:
    number = winner.number
    job = search.job(number, Configuration.from_parameters(winner.parameters), HOLDOUT)
    future = executor.submit(run_fold, job, lambda report: on_epoch(number, HOLDOUT, report))
    executor.wait([future])
    return WinnerTested(number, winner.parameters, future.result())
