"""Carry a study from its plan to a ranked entry: prepare, search, record, measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol
from serbench.deploy.latency import LatencyJob, kind_of, measure_latency
from serbench.deploy.network import untrained_network
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.job import Material, Outcome
from serbench.model.complexity import measure_complexity
from serbench.model.compute import ComputeSettings
from serbench.model.machine import this_machine
from serbench.model.training import EpochReport
from serbench.plugins import Plugins
from serbench.run.admission import check_environment, check_lineage
from serbench.run.compute import settle_compute
from serbench.search.events import (
    FoldScored,
    HoldoutStarted,
    Known,
    TrialEnded,
    TrialStarted,
)
from serbench.search.plan import StudyPlan
from serbench.search.space import space_of
from serbench.search.study import Search, run_study
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.ledger import Ledger
from serbench.store.lineage import Lineage, lineage_of
from serbench.store.machines import LatencyKind
from serbench.store.predictions import EAGER
from serbench.store.splits import Splits, StoredProtocol
from serbench.store.systems import Systems
from serbench.workspace import Workspace


class Listener:
    """Is told of everything that happens in a study; this one does nothing with it."""

    def preparing(self, done: int, total: int) -> None:
        """``done`` of ``total`` clips are prepared."""

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Compute settings are about to be tried, for some seconds."""

    def settled(self, compute: ComputeSettings) -> None:
        """It is decided how the study is trained."""

    def begun(self, search: Search, known: Known) -> None:
        """The study begins, or continues with what is ``known`` from earlier runs."""

    def trial_started(self, trial: int, parameters: Mapping[str, float]) -> None:
        """A configuration is about to be tried."""

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """An epoch ended."""

    def fold_scored(self, outcome: Outcome) -> None:
        """A fold is done and recorded."""

    def trial_ended(self, ended: TrialEnded) -> None:
        """A configuration is done and recorded."""

    def holdout_started(self, trial: int) -> None:
        """The search is over; the winner is about to be refitted and tested on the holdout."""

    def holdout_lost(self) -> None:
        """The network that was tested on the holdout is lost; it is about to be trained again."""

    def measuring(self, entry: int, threads: int) -> None:
        """The winner is recorded; its latency on so many threads is being measured."""


@dataclass(frozen=True)
class Prepared:
    """What a plan names, ready for its studies.

    Attributes:
        manifest: the dataset.
        protocol: with its splits, as stored.
        lineage: what the weights were trained on, beside what the protocol tests.
        searches: one for each outer fold; their compute settings are not settled yet.
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
) -> int:
    """Run a study to its end, from wherever an earlier run of the same plan stopped.

    Args:
        plan: of the study.
        plugins: which have what it names.
        workspace: where clips and weights are kept.
        database: where everything is recorded.
        listener: is told what happens.
        executor: where trainings run; in this process by default.
        parallel: trainings at once; by default as many as are fastest.
        retune: tune the speed also where an earlier tuning is recorded.
        allow_known_speakers: whether speakers may be tested that the weights were trained on.

    Returns:
        the number of its entry on the leaderboard.

    Raises:
        SerbenchError: anything a user can mend.
    """
    executor = executor or InThisProcess(plugins)
    ledger, systems = Ledger(database, workspace.artifacts), Systems(database)
    with ledger.lease(plan):
        entry = systems.entry_of(plan)
        if entry is None:
            check_environment(plan, ledger)
            prepared = prepare(
                plan, plugins, workspace, database, executor, listener, allow_known_speakers
            )
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
                _search(replace(search, compute=compute), ledger, executor, listener)
            network = untrained_network(plan.recipe, plugins, len(prepared.manifest.emotions))
            spec = plugins.backbones.get(plan.backbone).input_spec()
            complexity = measure_complexity(network, spec)
            entry = systems.rank(plan, complexity, list(plugins.metrics), prepared.lineage)
        _measure(entry, plan, plugins, systems, workspace, listener)
    return entry


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
        LeakError: speakers are tested that the weights were trained on, and may not be.
        SerbenchError: an unknown name, a dataset that cannot be split so, weights that cannot be
            had, clips that cannot be prepared.
    """
    executor.start_ahead(plan.backbone)
    manifest = Datasets(database).manifest(plan.dataset, plan.dataset_hash)
    rule = parse_protocol(plan.protocol)
    protocol = Splits(database).of(manifest, rule)
    backbone = plugins.backbones.get(plan.backbone)
    lineage = lineage_of(plan.weights, backbone, manifest, protocol.split, database)
    if not allow_known_speakers:
        check_lineage(plan, lineage)
    # Weights that cannot be had are better noticed before an hour of preparing clips than after.
    space = space_of(plan, plugins, len(manifest.emotions))
    clips = prepare_clips(manifest, workspace.clips, plan.clip_format, listener.preparing)
    material = executor.share(Material(manifest, clips, plan.weights_files()))
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
            compute=ComputeSettings.present(),
        )
        for number, split in enumerate(outer_folds)
    )
    return Prepared(manifest, protocol, lineage, tuple(searches))


def _search(search: Search, ledger: Ledger, executor: Executor, listener: Listener) -> None:
    """Run or continue the search of one outer fold, recording each event before the next."""
    plan = search.plan
    if ledger.forget_lost_holdout(plan):
        listener.holdout_lost()
    history, known = ledger.history(plan), ledger.outcomes(plan)
    listener.begun(search, known)
    for event in run_study(search, history, known, executor, listener.epoch):
        ledger.record(plan, event)
        match event:
            case TrialStarted():
                listener.trial_started(event.trial, event.parameters)
            case FoldScored():
                listener.fold_scored(event.outcome)
            case TrialEnded():
                listener.trial_ended(event)
            case HoldoutStarted():
                listener.holdout_started(event.trial)


def latency_kind(plan: StudyPlan, plugins: Plugins, threads: int = 1) -> LatencyKind:
    """How the latency of a plan's entry is measured in this environment, on so many threads."""
    return kind_of(plugins.runtimes.get(EAGER), threads, plan.clip_format)


def _measure(
    entry: int,
    plan: StudyPlan,
    plugins: Plugins,
    systems: Systems,
    workspace: Workspace,
    listener: Listener,
) -> None:
    """Measure what is not measured yet: on this machine, with the present libraries."""
    machine, record = this_machine(), systems.record(entry)
    weights = workspace.artifacts / record.file
    for threads in sorted({1, machine.cores}):
        if systems.is_measured(entry, machine, latency_kind(plan, plugins, threads)):
            continue
        read_arrays(weights, record.sha256, entry)  # what is lost is better named here
        listener.measuring(entry, threads)
        job = LatencyJob(
            recipe=plan.recipe,
            n_classes=len(record.emotions),
            weights=str(weights),
            sha256=record.sha256,
            runtime=EAGER,
            threads=threads,
        )
        systems.save_latency(entry, machine, measure_latency(job))
