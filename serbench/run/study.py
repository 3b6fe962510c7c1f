"""Carry a study from its plan to a ranked entry: compute, record, measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock
import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.deploy.latency import LatencyJob, measure_latency
from serbench.deploy.network import content_hash, load_network, save_weights
from serbench.errors import SerbenchError, StorageError
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.fold import Bench, FoldOutcome
from serbench.model.complexity import measure_complexity
from serbench.model.training import EpochReport
from serbench.plugins import Plugins
from serbench.run.compute_settings import settle_way
from serbench.run.speed_tuning import Way
from serbench.search.events import (
    FoldScored,
    HoldoutStarted,
    Known,
    TrialEnded,
    TrialStarted,
    WinnerTested,
)
from serbench.search.plan import StudyPlan
from serbench.search.study import run_study
from serbench.store.database import Database, shown_url, storage_errors
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryFacts
from serbench.store.machines import this_machine
from serbench.store.studies import Studies
from serbench.workspace import Workspace


class Listener:
    """Hears of everything that happens in a study; this one keeps quiet."""

    def preparing(self, done: int, total: int) -> None:
        """``done`` of ``total`` clips are prepared."""

    def calibrating(self, plan: StudyPlan) -> None:
        """Ways of training are about to be tried, for some seconds."""

    def settled(self, way: Way) -> None:
        """It is decided how the study is trained."""

    def begun(self, bench: Bench, known: Known) -> None:
        """The study begins, or goes on with what is ``known`` from earlier runs."""

    def trial_started(self, trial: int, parameters: Mapping[str, float]) -> None:
        """A configuration is about to be tried."""

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """An epoch ended."""

    def fold_scored(self, outcome: FoldOutcome) -> None:
        """A fold is done and recorded."""

    def trial_ended(self, ended: TrialEnded) -> None:
        """A configuration is done and recorded."""

    def holdout_started(self, trial: int) -> None:
        """The search is over; the winner is about to be refitted and tested."""

    def measuring(self, entry: int, threads: int) -> None:
        """The winner is recorded; its latency on so many threads is being measured."""


def make_benches(
    plan: StudyPlan, plugins: Plugins, workspace: Workspace, database: Database, listener: Listener
) -> list[Bench]:
    """Resolve what a plan names, prepare its clips, and part them: a bench for each outer fold.

    Raises:
        SerbenchError: an unknown name, a dataset that cannot be split so, clips that cannot be
            prepared.
    """
    backbone = plugins.backbones.get(plan.backbone)
    front_end = plugins.front_ends.get(plan.front_end)
    scheduler = plugins.schedulers.get(plan.schedule)
    augmentations = [plugins.augmentations.get(name) for name in plan.augmentations]
    protocol = parse_protocol(plan.protocol)
    manifest = Datasets(database).manifest(plan.dataset, plan.dataset_hash)
    outer_folds = split_dataset(manifest, protocol).outer_folds
    # Weights that cannot be had are better known before an hour of preparing clips than after.
    backbone.build(len(manifest.emotions), plan.weights)
    clips = prepare_clips(manifest, workspace.clips, plan.clip_format, listener.preparing)
    return [
        Bench(
            plan.of_outer_fold(number),
            manifest,
            clips,
            protocol,
            split,
            backbone,
            front_end,
            scheduler,
            augmentations,
            len(outer_folds),
        )
        for number, split in enumerate(outer_folds)
    ]


def drive_study(
    plan: StudyPlan,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    executor: Executor | None = None,
    jobs: int | None = None,
    recalibrate: bool = False,
) -> int:
    """Run a study to its end, from wherever an earlier run of the same plan stopped.

    Args:
        plan: of the study.
        plugins: who know what it names.
        workspace: where clips and weights are kept.
        database: where everything is recorded.
        listener: hears of what happens.
        executor: where trainings run; in this process by default.
        jobs: trainings at once; by default as many as are fastest.
        recalibrate: measure how to train fastest, also where that is known.

    Returns:
        the number of its entry on the leaderboard.

    Raises:
        SerbenchError: anything a user can mend.
    """
    entries = Entries(database)
    executor = executor or InThisProcess()
    with _alone(plan, workspace):
        entry = entries.entry_of(plan)
        if entry is None:
            benches = make_benches(plan, plugins, workspace, database, listener)
            for bench in benches:
                again = recalibrate and bench is benches[0]
                way = settle_way(bench, database, executor, jobs, listener.calibrating, again)
                listener.settled(way)
                bench = replace(bench, compute_settings=way.compute_settings, prefetch=way.prefetch)
                _search(bench, way.jobs, database, workspace, listener, executor)
            entry = entries.save_entry(plan, _facts(benches[0], database, workspace))
        _measure(entry, entries, workspace, listener)
    return entry


def _search(
    bench: Bench,
    jobs: int,
    database: Database,
    workspace: Workspace,
    listener: Listener,
    executor: Executor,
) -> None:
    plan, studies = bench.plan, Studies(database)
    known = studies.folds(plan)
    listener.begun(bench, known)
    with _optuna_errors(database.url):
        storage = _optuna_storage(database)
        for event in run_study(bench, storage, known, listener.epoch, executor, jobs):
            match event:
                case TrialStarted():
                    studies.begin_trial(plan, event.trial, event.parameters)
                    listener.trial_started(event.trial, event.parameters)
                case FoldScored():
                    studies.save_fold(plan, event.outcome)
                    listener.fold_scored(event.outcome)
                case TrialEnded():
                    state = "pruned" if event.pruned else "complete"
                    studies.end_trial(plan, event.trial, state, event.mean_uar)
                    listener.trial_ended(event)
                case HoldoutStarted():
                    listener.holdout_started(event.trial)
                case WinnerTested():
                    save_weights(event.trained.state, workspace.artifacts / _artifact(plan))
                    studies.finish_study(plan, event.trained.outcome)


def _artifact(plan: StudyPlan) -> str:
    return f"{plan.key}.safetensors"


def _facts(bench: Bench, database: Database, workspace: Workspace) -> EntryFacts:
    """What is known of the winner of a outer fold whose holdout is over."""
    plan, artifact = bench.plan, _artifact(bench.plan)
    path = workspace.artifacts / artifact
    network = load_network(
        bench.backbone, bench.front_end, plan.clip_format, len(bench.manifest.emotions), path
    )
    complexity = measure_complexity(network.backbone, bench.backbone.input_spec())
    holdout = Studies(database).holdout(plan)
    return EntryFacts(
        holdout.trial,
        holdout.weights,
        complexity.params,
        complexity.macs,
        artifact,
        content_hash(path),
    )


def _measure(entry: int, entries: Entries, workspace: Workspace, listener: Listener) -> None:
    machine = this_machine()
    record = entries.record(entry)
    measured = entries.latency_threads(entry, machine)
    for threads in sorted({1, machine.cores} - set(measured)):
        listener.measuring(entry, threads)
        job = LatencyJob(
            backbone=record.plan.backbone,
            front_end=record.plan.front_end,
            n_classes=len(record.emotions),
            weights=str(workspace.artifacts / record.artifact),
            sample_rate=record.plan.clip_format.sample_rate,
            seconds=record.plan.clip_format.seconds,
            threads=threads,
        )
        entries.save_latency(entry, machine, measure_latency(job))


@contextmanager
def _alone(plan: StudyPlan, workspace: Workspace) -> Iterator[None]:
    """Keep a second process from running the same study at the same time."""
    path = Path(workspace.artifacts, f"{plan.key}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise SerbenchError(
            "this study is already running in another process: wait for it, or stop it"
        ) from error
    except OSError as error:
        raise StorageError(f"{path.parent} cannot be written to ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


def _optuna_storage(database: Database) -> RDBStorage:
    database.engine.dispose()  # SQLite: no connection of ours stays open beside Optuna's
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return RDBStorage(database.url)


@contextmanager
def _optuna_errors(url: str) -> Iterator[None]:
    try:
        with storage_errors(url):
            yield
    except StorageInternalError as error:
        raise StorageError(
            f"{shown_url(url)}: Optuna's part of the database does not answer "
            f"({error.__cause__ or error}): is another process writing to it?"
        ) from error


def clip_format_for(plugins: Plugins, front_end: str) -> ClipFormat:
    """The paper's clip format, at the front end's own rate where it needs one."""
    rate = plugins.front_ends.get(front_end).sample_rate
    return ClipFormat() if rate is None else ClipFormat(sample_rate=rate)
