"""The compute settings of a study: given by the user, recorded, or found by speed tuning."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from serbench.execute.executor import Executor, Nodes
from serbench.model.compute import FP32, ComputeSettings
from serbench.run.speed_tuning import Wishes, tune
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.database import Database
from serbench.store.ledger import Ledger
from serbench.store.speed_tunings import SpeedTunings
from serbench.store.splits import StoredProtocol


def settle_compute(
    search: Search,
    protocol: StoredProtocol,
    ledger: Ledger,
    database: Database,
    executor: Executor,
    parallel: int | None,
    tuning: Callable[[StudyPlan], None],
    retune: bool = False,
) -> ComputeSettings:
    """Begin a study with compute settings of the user, of an earlier speed tuning, or of a new one.

    A study that has begun keeps the settings that affect its logits, even if others are faster.
    A speed tuning belongs to one kind of machine, that of the executor, and is used on each of its
    machines. Machines of several kinds are not tuned.

    Args:
        search: the plan with its data.
        protocol: the stored protocol of its dataset.
        ledger: the records of studies.
        database: the database with the speed tunings.
        executor: runs trainings.
        parallel: number of trainings at once, or None if speed tuning chooses it.
        tuning: called before a speed tuning.
        retune: repeat a recorded speed tuning. Earlier studies keep their own record, and the
            recorded result is used if this study is too short for a comparison.
    """
    plan, tunings, nodes = search.plan, SpeedTunings(database), executor.nodes()
    quick = search.space.features_suffice  # heads on computed features: nothing is worth tuning
    untuned = quick or not nodes.alike
    cores = nodes.threads
    wishes = _wishes(plan, executor, nodes, parallel)
    subject = subject_of(plan, wishes, nodes)
    begun = ledger.compute_settings(plan)
    chosen = None if retune or untuned else tunings.find(subject)
    if chosen is None and begun is not None and not retune:
        chosen = _shared_out(begun, wishes, cores)
    if chosen is None and untuned:
        share = wishes.parallel or 1
        threads = wishes.threads or max(1, cores // share)
        chosen = ComputeSettings(threads, wishes.precision or FP32, parallel=share)
        if nodes.count > 1:
            chosen = _shared_out(chosen, wishes, cores)
    if chosen is None:
        if not wishes.leave_nothing:
            tuning(plan)
        found = tune(search, executor, wishes)
        if found.compared:
            tunings.save(subject, found.as_dict())
        chosen = tunings.find(subject) or found.chosen
    if begun is not None and begun.numeric != chosen.numeric:
        chosen = replace(_shared_out(begun, wishes, cores), prefetch=chosen.prefetch)
    chosen = _on_all(chosen, nodes, parallel)
    ledger.begin(plan, protocol, search.manifest.emotions, chosen, search.space.ranges)
    if not untuned:
        tunings.belongs_to(plan, subject)
    return chosen


def begun_compute(
    plan: StudyPlan, ledger: Ledger, executor: Executor, parallel: int | None
) -> ComputeSettings:
    """The recorded compute settings of a study that has begun, for further trainings.

    Args:
        plan: plan of the study.
        ledger: the records of studies.
        executor: runs trainings.
        parallel: number of trainings at once; by default as many as the cores allow.
    """
    begun, nodes = ledger.compute_settings(plan), executor.nodes()
    assert begun is not None
    shared = _shared_out(begun, _wishes(plan, executor, nodes, parallel), nodes.threads)
    return _on_all(shared, nodes, parallel)


def _wishes(plan: StudyPlan, executor: Executor, nodes: Nodes, parallel: int | None) -> Wishes:
    """The settings that the user chose, with the number of parallel trainings on one machine."""
    if executor.slots == 1:
        parallel = 1
    elif parallel is not None:
        parallel = math.ceil(parallel / nodes.count)
    return Wishes(plan.precision, plan.threads, parallel)


def _on_all(compute: ComputeSettings, nodes: Nodes, parallel: int | None) -> ComputeSettings:
    """The settings of one machine, with the number of parallel trainings on all of them."""
    if nodes.count == 1:
        return compute
    return replace(compute, parallel=parallel or compute.parallel * nodes.count)


def _shared_out(begun: ComputeSettings, wishes: Wishes, cores: int) -> ComputeSettings:
    """The settings with which a study began, with as many parallel trainings as the cores allow."""
    return replace(begun, parallel=wishes.parallel or max(1, cores // begun.threads))


def subject_of(plan: StudyPlan, wishes: Wishes, nodes: Nodes) -> dict[str, Any]:
    """The key of a speed tuning: machine, versions, and all that affects the time of a step.

    Args:
        plan: plan of the study.
        wishes: the settings that the user has chosen.
        nodes: the machines of the executor, which are of one kind.
    """
    environment = nodes.environment
    return {
        "machine": environment.machine.fingerprint,
        "cpu": environment.machine.name,
        "threads": nodes.threads,
        "torch": environment.versions["torch"],
        "backbone": plan.backbone,
        "front_end": plan.front_end,
        "head": plan.head,
        "objective": plan.objective,
        "weights": plan.recipe.weights,
        "batch_size": plan.batch_size,
        "samples": plan.clip_format.samples,
        "wishes": asdict(wishes),
    }
