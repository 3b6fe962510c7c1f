"""A study: cross-validation of configurations, then the last training of the best one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_high

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, Fold, OuterFold, Protocol, validation_part
from serbench.data.seeds import derive_seed
from serbench.errors import DivergedError
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Job, LossReference, Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.model.training import EpochReport
from serbench.search.events import (
    COMPLETE,
    Event,
    Known,
    LastTrainingStarted,
    TrialEnded,
    TrialRecord,
    WinnerTested,
)
from serbench.search.generation import Generation
from serbench.search.plan import StudyPlan
from serbench.search.progress import Progress
from serbench.search.propose import generation_of
from serbench.search.pruning import BestSoFar, judging_order
from serbench.search.space import SearchSpace

OnEpoch = Callable[[int, int | str, EpochReport], None]
"""A function that receives trial, fold and report after each epoch."""


def ignore_epoch(trial: int, fold: int | str, report: EpochReport) -> None:
    """Receive nothing."""


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
        exactly: int | None = None,
    ) -> Job:
        """The training of a configuration on one of the folds, or the last one of the winner.

        The seed of the training depends on study, trial and fold. The validation speakers depend on
        study and fold only, so that validation losses of all trials can be compared.

        Args:
            trial: number of the trial.
            configuration: its configuration.
            fold: number of the fold, or ``holdout`` for the last training.
            reference: losses with which the validation loss is compared, or None.
            exactly: number of epochs of the last training, which has no validation speakers.
        """
        rows = self.split.holdout if fold == HOLDOUT else self.split.folds[int(fold)]
        root = self.plan.root_seed
        if exactly is None:
            seed = derive_seed(root, "validation", fold)
            part = validation_part(self.manifest, self.protocol, rows.train, seed)
        else:
            part = Fold(rows.train, rows.train[:0])
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
            exactly=exactly,
        )

    def last_job(self, trial: int, configuration: Configuration, best_epochs: Sequence[int]) -> Job:
        """The last training of the winner, on all clips of the search.

        Without validation speakers, all speakers can train the network; it is trained for the
        median of the best epochs of its folds.

        Args:
            trial: number of the trial.
            configuration: its configuration.
            best_epochs: the best epoch of each of its folds.
        """
        return self.job(trial, configuration, HOLDOUT, exactly=median_high(best_epochs))

    def repeated_job(
        self,
        trial: int,
        configuration: Configuration,
        fold: int | str,
        number: int,
        exactly: int | None,
    ) -> Job:
        """A training of the winner again, with another seed; its network is not kept.

        Only the seed of the training differs. The validation speakers are those of the recorded
        training: other ones would change the training speakers, and the variance between seeds
        would include a part of the variance between speakers. The last training, which tests a
        holdout, has no validation speakers, so that the seed means the same in all trainings.

        Args:
            trial: number of the trial.
            configuration: its configuration.
            fold: number of the fold, or ``holdout`` for the last training.
            number: number of the seed, 2 or more; the recorded training has number 1.
            exactly: number of epochs of the last training; None on a fold.
        """
        job = self.job(trial, configuration, fold, exactly=exactly)
        seed = derive_seed(self.plan.root_seed, "repetition", trial, fold, number)
        return replace(job, seed=seed, whole=False)


def run_study(
    search: Search,
    history: Sequence[TrialRecord],
    known: Known,
    executor: Executor,
    on_epoch: OnEpoch = ignore_epoch,
) -> Iterator[Event]:
    """Try configurations until the budget is spent, then train the winner on all their clips.

    The winner is then tested on the holdout, if there is one. A configuration whose training
    diverges on a fold, or in the last training, has failed: it has no score, and the best of the
    others is taken.

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
    progress = _progress(search, history, known)
    yield from _trials(search, progress, executor, on_epoch)
    yield from _winner(search, progress, known, executor, on_epoch)


Part = Callable[
    [Search, Sequence[TrialRecord], Known, Executor, OnEpoch],
    Iterator[Event],
]
"""``run_study``, or a part of it: ``run_trials`` or ``run_winner``."""


def run_trials(
    search: Search,
    history: Sequence[TrialRecord],
    known: Known,
    executor: Executor,
    on_epoch: OnEpoch = ignore_epoch,
) -> Iterator[Event]:
    """The first part of ``run_study``: try configurations, and train no winner yet."""
    yield from _trials(search, _progress(search, history, known), executor, on_epoch)


def run_winner(
    search: Search,
    history: Sequence[TrialRecord],
    known: Known,
    executor: Executor,
    on_epoch: OnEpoch = ignore_epoch,
) -> Iterator[Event]:
    """The second part of ``run_study``: the last training of the winner, and no further trial.

    A trial that was stopped is not continued and cannot be the winner.

    Raises:
        DivergedError: all configurations failed.
    """
    yield from _winner(search, _progress(search, history, known), known, executor, on_epoch)


def _progress(search: Search, history: Sequence[TrialRecord], known: Known) -> Progress:
    order = judging_order(search.split.folds, search.manifest.targets)
    return Progress(history, known, order, search.plan.timeout)


def _trials(
    search: Search, progress: Progress, executor: Executor, on_epoch: OnEpoch
) -> Iterator[Event]:
    plan = search.plan
    number = 0
    while number < plan.trials:
        numbers = generation_of(number)
        best_so_far = None if plan.exhaustive else _best_so_far(search, progress, numbers.start)
        generation = Generation(
            search,
            range(number, min(numbers.stop, plan.trials)),
            best_so_far,
            progress,
            progress.order,
            executor,
            on_epoch,
        )
        yield from generation.run()
        number = numbers.stop


def _winner(
    search: Search,
    progress: Progress,
    known: Known,
    executor: Executor,
    on_epoch: OnEpoch,
) -> Iterator[Event]:
    backbone = search.plan.backbone
    while (winner := progress.best()) is not None:
        if (winner.number, HOLDOUT) in known:
            return
        yield LastTrainingStarted(winner.number)
        try:
            folds = progress.folds_of(winner.number)
            tested = _last_training(search, winner, folds, executor, on_epoch)
        except DivergedError as error:
            uars = tuple(winner.uars.values())
            ended = TrialEnded(winner.number, winner.parameters, False, uars, failure=str(error))
            progress.end(ended, tuple(winner.uars))
            yield ended
        else:
            yield tested
            return
    raise DivergedError(
        f"no configuration of {backbone} could be trained, since every one diverged "
        f"({progress.trials[0].failure}): set lower learning rates under [search] in a study file",
        backbone=backbone,
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


def _last_training(
    search: Search,
    winner: TrialRecord,
    folds: Mapping[int, Outcome],
    executor: Executor,
    on_epoch: OnEpoch,
) -> WinnerTested:
    number, configuration = winner.number, Configuration.from_parameters(winner.parameters)
    job = search.last_job(number, configuration, [fold.best_epoch for fold in folds.values()])
    future = executor.submit(run_fold, job, lambda report: on_epoch(number, HOLDOUT, report))
    executor.wait([future])
    return WinnerTested(number, winner.parameters, future.result())
