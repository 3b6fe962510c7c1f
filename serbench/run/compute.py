"""The compute settings of a study: given by the user, recorded, or found by speed tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch

from serbench.execute.executor import Executor
from serbench.model.compute import FP32, ComputeSettings
from serbench.model.environment import versions
from serbench.model.machine import this_machine
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
    plan, tunings = search.plan, SpeedTunings(database)
    quick = search.space.features_suffice  # heads on computed features: nothing is worth tuning
    cores = torch.get_num_threads()
    wishes = Wishes(plan.precision, plan.threads, 1 if executor.slots == 1 else parallel)
    subject = subject_of(plan, wishes, cores)
    begun = ledger.compute_settings(plan)
    chosen = None if retune or quick else tunings.find(subject)
    if chosen is None and begun is not None and not retune:
        chosen = _shared_out(begun, wishes, cores)
    if chosen is None and quick:
        parallel = wishes.parallel or 1
        threads = wishes.threads or max(1, cores // parallel)
        chosen = ComputeSettings(threads, wishes.precision or FP32, parallel=parallel)
    if chosen is None:
        if not wishes.leave_nothing:
            tuning(plan)
        found = tune(search, executor, wishes)
        if found.compared:
            tunings.save(subject, found.as_dict())
        chosen = tunings.find(subject) or found.chosen
    if begun is not None and begun.numeric != chosen.numeric:
        chosen = replace(_shared_out(begun, wishes, cores), prefetch=chosen.prefetch)
    ledger.begin(plan, protocol, search.manifest.emotions, chosen, search.space.ranges)
    if not quick:
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
    begun = ledger.compute_settings(plan)
    assert begun is not None
    wishes = Wishes(plan.precision, plan.threads, 1 if executor.slots == 1 else parallel)
    return _shared_out(begun, wishes, torch.get_num_threads())


def _shared_out(begun: ComputeSettings, wishes: Wishes, cores: int) -> ComputeSettings:
    """The settings with which a study began, with as many parallel trainings as the cores allow."""
    return replace(begun, parallel=wishes.parallel or max(1, cores // begun.threads))


def subject_of(plan: StudyPlan, wishes: Wishes, threads: int) -> dict[str, Any]:
    """The key of a speed tuning: machine, versions, and all that affects the time of a step.

    Args:
        plan: plan of the study.
        wishes: the settings that the user has chosen.
        threads: number of available threads.
    """
    machine = this_machine()
    return {
        "machine": machine.fingerprint,
        "cpu": machine.name,
        "threads": threads,
        "torch": versions().get("torch"),
        "backbone": plan.backbone,
        "front_end": plan.front_end,
        "head": plan.head,
        "objective": plan.objective,
        "weights": plan.recipe.weights,
        "batch_size": plan.batch_size,
        "samples": plan.clip_format.samples,
        "wishes": asdict(wishes),
    }
