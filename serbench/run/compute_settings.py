"""The way a study is trained: what the user chose, what was measured, what it began with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from serbench.execute.executor import Executor
from serbench.execute.fold import Bench
from serbench.run.speed_tuning import Way, Wishes, calibrate
from serbench.search.plan import StudyPlan
from serbench.search.study import space_of
from serbench.store.database import Database
from serbench.store.speed_tunings import Calibrations, subject_of
from serbench.store.studies import Studies


def settle_way(
    bench: Bench,
    database: Database,
    executor: Executor,
    jobs: int | None,
    calibrating: Callable[[StudyPlan], None],
    recalibrate: bool = False,
) -> Way:
    """Record how a study is trained, measuring it first where nobody has.

    A study that has begun keeps to its compute settings, whatever is faster now or here.

    Args:
        bench: the plan and what it names.
        database: where studies and calibrations are recorded.
        executor: where trainings run.
        jobs: trainings at once, or None where measuring decides.
        calibrating: called before anything is measured.
        recalibrate: measure also where somebody has. Earlier studies keep their own record; what
            was found before stands where this study is too short to compare anything.
    """
    plan = bench.plan
    studies, calibrations = Studies(database), Calibrations(database)
    cores = torch.get_num_threads()
    wishes = Wishes(plan.precision, plan.threads, jobs if executor.parallel else 1)
    subject = subject_of(plan, wishes, cores)
    begun = studies.compute_settings(plan)
    way = None if recalibrate else calibrations.find(subject)
    if way is None and begun is not None and not recalibrate:
        way = Way(begun, wishes.jobs or max(1, cores // begun.threads))
    if way is None:
        if not wishes.leave_nothing:
            calibrating(plan)
        found = calibrate(bench, space_of(bench), executor, wishes)
        if found.compared:
            calibrations.save(subject, found)
        way = calibrations.find(subject) or found.way
    if begun is not None and begun != way.compute_settings:
        way = replace(
            way, compute_settings=begun, jobs=wishes.jobs or max(1, cores // begun.threads)
        )
    studies.begin_study(plan, way.compute_settings)
    calibrations.belongs_to(plan, subject)
    return way
