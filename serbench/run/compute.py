"""Which compute settings a study is trained with: the user's, recorded ones, or measured ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch

from serbench.execute.executor import Executor
from serbench.model.compute import ComputeSettings
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
    """Begin a study with compute settings of the user's, of an earlier tuning, or of a new one.

    A study that has begun keeps to what decides its logits, whatever is faster now or here.

    Args:
        search: the plan and what it works on.
        protocol: of its dataset, as stored.
        ledger: where studies are recorded.
        database: where speed tunings are recorded.
        executor: where trainings run.
        parallel: trainings at once, or None where measuring decides.
        tuning: called before anything is measured.
        retune: measure also where an earlier tuning is recorded. Earlier studies keep their own
            record; what was found before stands where this study is too short to compare anything.
    """
    plan, tunings = search.plan, SpeedTunings(database)
    cores = torch.get_num_threads()
    wishes = Wishes(plan.precision, plan.threads, 1 if executor.slots == 1 else parallel)
    subject = subject_of(plan, wishes, cores)
    begun = ledger.compute_settings(plan)
    chosen = None if retune else tunings.find(subject)
    if chosen is None and begun is not None and not retune:
        chosen = _shared_out(begun, wishes, cores)
    if chosen is None:
        if not wishes.leave_nothing:
            tuning(plan)
        found = tune(search, executor, wishes)
        if found.compared:
            tunings.save(subject, found.as_dict())
        chosen = tunings.find(subject) or found.chosen
    if begun is not None and begun.numeric != chosen.numeric:
        chosen = replace(_shared_out(begun, wishes, cores), prefetch=chosen.prefetch)
    ledger.begin(plan, protocol, search.manifest.emotions, chosen)
    tunings.belongs_to(plan, subject)
    return chosen


def _shared_out(begun: ComputeSettings, wishes: Wishes, cores: int) -> ComputeSettings:
    """The settings a study began with, with as many parallel trainings as there are cores for."""
    return replace(begun, parallel=wishes.parallel or max(1, cores // begun.threads))


def subject_of(plan: StudyPlan, wishes: Wishes, threads: int) -> dict[str, Any]:
    """What a speed tuning is about: machine, versions, and what decides how long a step takes.

    Args:
        plan: of the study.
        wishes: what the user has chosen.
        threads: that there are to be shared out.
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
