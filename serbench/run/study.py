"""Run a study from its plan to a ranked entry: preparation, search, record, latency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol
from serbench.errors import DivergedError
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.features import FeatureProgress
from serbench.execute.fold import FeatureJob, compute_features, run_fold
from serbench.execute.job import Material
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.run.admission import check_environment, check_lineage
from serbench.run.completion import complete_entry
from serbench.run.compute import begun_compute, settle_compute
from serbench.run.listener import Listener
from serbench.run.repetition import repeat_winner
from serbench.search.events import (
    FoldScored,
    LastTrainingStarted,
    TrialEnded,
    TrialStarted,
)
from serbench.search.plan import StudyPlan
from serbench.search.space import space_of
from serbench.search.study import Part, Search, run_study, run_trials
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.ledger import Ledger
from serbench.store.lineage import Lineage, lineage_of
from serbench.store.splits import Splits, StoredProtocol
from serbench.store.studies import entry_within, nearest_study, standings
from serbench.store.systems import Systems
from serbench.store.trials import EpochRecords
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """The objects that a plan names, ready for its studies.

    Attributes:
        manifest: the dataset.
        protocol: the stored protocol with its splits.
        lineage: the speakers and corpora that the initial weights were trained on.
        searches: one search for each outer fold; its compute settings are chosen later.
    """

    manifest: Manifest
    protocol: StoredProtocol
    lineage: Lineage
    searches: tuple[Search, ...]


def drive_study(
    plan: StudyPlan,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    executor: Executor | None = None,
    parallel: int | None = None,
    retune: bool = False,
    allow_known_speakers: bool = False,
    seeds: int = 1,
) -> int:
    """Run a study to its end, or continue it where an earlier run of the same plan stopped.

    Args:
        plan: plan of the study.
        plugins: plugins with the names of the plan.
        workspace: folders of clips and weights.
        database: database of all records.
        listener: receives the events of the study.
        executor: runs the trainings; by default in this process.
        parallel: number of trainings at once; by default the fastest number.
        retune: whether speed tuning is repeated if an earlier result is recorded.
        allow_known_speakers: whether speakers may be tested that the weights were trained on.
        seeds: number of seeds with which the winner is trained; the first is that of the entry.

    Returns:
        number of the entry in the leaderboard.

    Raises:
        SerbenchError: an error that a user can correct.
    """
    executor = executor or InThisProcess(plugins)
    ledger, systems = Ledger(database, workspace.artifacts), Systems(database)
    searches: tuple[Search, ...] = ()

    def of_finished() -> tuple[Search, ...]:
        if searches:
            return searches
        check_environment(plan, ledger, executor.nodes().environment)
        ready = prepare(
            plan, plugins, workspace, database, executor, listener, allow_known_speakers
        )
        return tuple(
            replace(each, compute=begun_compute(each.plan, ledger, executor, parallel))
            for each in ready.searches
        )

    with ledger.lease(plan):
        before = standings(database, plan)
        entry = entry_within(before, plan)
        if entry is not None:
            listener.spent(before[0].trials)
        else:
            if not before:
                nearest = nearest_study(database, plan)
                if nearest is not None:
                    listener.differs(*nearest)
            prepared = run_part(
                *(plan, plugins, workspace, database, listener, executor, run_study),
                *(parallel, retune, allow_known_speakers),
            )
            searches = prepared.searches
            entry = systems.rank(plan, list(plugins.metrics), prepared.lineage)
        complete_entry(entry, plan, plugins, systems, workspace, listener)
        repeat_winner(entry, seeds, of_finished, database, executor, listener)
    return entry


def run_part(
    plan: StudyPlan,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    executor: Executor,
    part: Part,
    parallel: int | None = None,
    retune: bool = False,
    allow_known_speakers: bool = False,
) -> Prepared:
    """Run the search of each outer fold, or a part of it; the caller has the lease of the study.

    Raises:
        SerbenchError: an error that a user can correct.
    """
    ledger = Ledger(database, workspace.artifacts)
    check_environment(plan, ledger, executor.nodes().environment)
    prepared = prepare(plan, plugins, workspace, database, executor, listener, allow_known_speakers)
    settled: list[Search] = []
    for number, search in enumerate(prepared.searches):
        compute = settle_compute(
            search,
            prepared.protocol,
            ledger,
            database,
            executor,
            parallel,
            listener.speed_tuning,
            retune and number == 0,
        )
        listener.settled(compute)
        settled.append(replace(search, compute=compute))
        _search(settled[-1], ledger, database, executor, listener, part)
    return replace(prepared, searches=tuple(settled))


def prepare(
    plan: StudyPlan,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    executor: Executor,
    listener: Listener,
    allow_known_speakers: bool = True,
) -> Prepared:
    """Resolve what a plan names, split its dataset, prepare its clips and share them.

    Raises:
        LeakError: speakers are tested that the weights were trained on, which is not allowed.
        SerbenchError: a name is unknown, the protocol does not fit the dataset, weights are not
            available, or clips cannot be prepared.
    """
    executor.start_ahead(plan.backbone)
    manifest = Datasets(database).manifest(plan.dataset, plan.dataset_hash)
    rule = parse_protocol(plan.protocol)
    protocol = Splits(database).of(manifest, rule)
    backbone = plugins.backbones.get(plan.backbone)
    lineage = lineage_of(plan.weights, backbone, manifest, protocol.split, database)
    if not allow_known_speakers:
        check_lineage(plan, lineage)
    # Missing weights must be reported before clips are prepared, which may take an hour.
    space = space_of(plan, plugins, len(manifest.emotions))
    clips = prepare_clips(manifest, workspace.clips, plan.clip_format, listener.preparing)
    present = ComputeSettings.present()
    material = executor.share(Material(manifest, clips, plan.weights_files(), present.threads))
    outer_folds = protocol.split.outer_folds
    searches = (
        Search(
            plan=plan.of_outer_fold(number),
            manifest=manifest,
            protocol=rule,
            split=split,
            outer_folds=len(outer_folds),
            material=material,
            space=space,
            compute=present,
        )
        for number, split in enumerate(outer_folds)
    )
    if space.features_suffice:
        widths = Configuration.from_parameters(space.initial()).widths
        job = FeatureJob(material, plan.recipe, space.taps, present, widths)

        def computing(message: FeatureProgress) -> None:
            listener.computing(message.done, message.total)

        future = executor.submit(compute_features, job, computing)
        try:
            executor.wait([future])
        finally:
            executor.cancel(future)  # if a listener has raised an error, it is still running
        future.result()
    return Prepared(manifest, protocol, lineage, tuple(searches))


def _search(
    search: Search,
    ledger: Ledger,
    database: Database,
    executor: Executor,
    listener: Listener,
    part: Part,
) -> None:
    """Run or continue the search of one outer fold, and record each event before the next one.

    Trials that have begun are finished, even if fewer trials are requested now.
    """
    if ledger.forget_lost_holdout(search.plan):
        listener.last_training_lost()
    history, known = ledger.history(search.plan), ledger.outcomes(search.plan)
    plan = replace(search.plan, trials=max(search.plan.trials, len(history)))
    search = replace(search, plan=plan)
    listener.begun(search, known)
    tried = len(history)
    try:
        on_epoch = EpochRecords(database, plan, listener.epoch)
        for event in part(search, history, known, executor, on_epoch):
            ledger.record(plan, event)
            match event:
                case TrialStarted():
                    tried = max(tried, event.trial + 1)
                    listener.trial_started(event.trial, event.parameters)
                case FoldScored():
                    listener.fold_scored(event.outcome)
                case TrialEnded():
                    listener.trial_ended(event)
                case LastTrainingStarted():
                    if tried < plan.trials:
                        listener.time_is_up(tried)
                    listener.last_training_started(event.trial)
    except DivergedError:
        ledger.finish(plan)  # all trials have failed
        raise
    if part is run_trials:
        return
    restore_folds(search, ledger, executor, listener)
    ledger.finish(plan)


def restore_folds(search: Search, ledger: Ledger, executor: Executor, listener: Listener) -> None:
    """Train missing fold networks of the winner again.

    They were deleted when another trial was better, which then failed when it was refitted.
    """
    for lost in ledger.lost_folds(search.plan):
        listener.restoring(lost.trial, lost.fold)
        configuration = Configuration.from_parameters(lost.parameters)
        job = replace(search.job(lost.trial, configuration, lost.fold), seed=lost.seed)
        future = executor.submit(run_fold, job, partial(listener.epoch, lost.trial, lost.fold))
        executor.wait([future])
        ledger.save_network(search.plan, lost, future.result())
