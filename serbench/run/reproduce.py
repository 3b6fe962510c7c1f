"""Train an entry once more, and find out whether every logit comes out the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError, WeightsError
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.fold import run_fold
from serbench.execute.job import Outcome
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
from serbench.model.compute import ComputeSettings
from serbench.model.environment import versions
from serbench.model.machine import Machine, this_machine
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.run.study import prepare
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.database import Database
from serbench.store.networks import restore_network
from serbench.store.predictions import EAGER, read_prediction, winners
from serbench.store.schema import (
    ArtifactRow,
    PredictionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.systems import find_system, first_study
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Recorded:
    """A training as the database has it.

    Attributes:
        outer_fold: of the protocol, from 0.
        trial: number.
        parameters: of the configuration.
        fold: its number, or ``holdout``.
        system: id of the system that the network belongs to.
        split: id of the split that it was trained on.
        rows: tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        uar: as recorded.
    """

    outer_fold: int
    trial: int
    parameters: dict[str, float]
    fold: int | str
    system: int
    split: int
    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    uar: float


@dataclass(frozen=True)
class Repeated:
    """A training that was run again.

    Attributes:
        outer_fold: of the protocol, from 0.
        fold: its number, or ``holdout``.
        clips: how many were tested.
        largest: the largest difference of two logits; 0 where all agree to the last bit.
        before: UAR as recorded.
        now: UAR of the repetition.
        restored: True where the network's file was missing or another's, and was saved again.
    """

    outer_fold: int
    fold: int | str
    clips: int
    largest: float
    before: float
    now: float
    restored: bool = False

    @property
    def agrees(self) -> bool:
        """True where every logit is the same."""
        return self.largest == 0


def changes_since(database: Database, number: int) -> dict[str, tuple[str, str]]:
    """What has changed since an entry was made, of machine, versions and commit.

    Returns:
        name → what it was, what it is.

    Raises:
        UsageError: no such entry, or one that did not run here.
    """
    with database.session() as session:
        study = _study_of(session, find_system(session, number))
        before = {**study.versions, "machine": Machine(**study.machine).name}
    now = {**versions(), "machine": this_machine().name}
    return {
        name: (before.get(name, "not recorded"), now.get(name, "none"))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    }


def reproduce(
    number: int,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    folds: bool = False,
    executor: Executor | None = None,
) -> Iterator[Repeated]:
    """Run an entry's trainings again, with the compute settings it was made with.

    Where every logit is the same, so is the network: its file is written where it is missing or
    is another's.

    Args:
        number: of the entry.
        plugins: which have what its plan names.
        workspace: where prepared clips are.
        database: where the entry is.
        listener: is told of the preparation and of each epoch.
        folds: whether to repeat the winner's folds too, and not only its holdout.
        executor: where trainings run; in this process by default.

    Yields:
        each training as it is done.

    Raises:
        UsageError: no such entry, or one that did not run here.
        WeightsError: the weights that its training began with are missing.
        SerbenchError: its dataset or clips are no longer to be had.
    """
    executor = executor or InThisProcess(plugins)
    plan, compute, recorded = _recorded(database, number, folds)
    prepared = prepare(plan, plugins, workspace, database, executor, listener)
    for before in recorded:
        search = replace(prepared.searches[before.outer_fold], compute=compute)
        outcome = _repeat(search, before, executor, listener)
        agree = np.array_equal(outcome.rows, before.rows)
        repeated = Repeated(
            before.outer_fold,
            before.fold,
            len(outcome.rows),
            float(np.abs(outcome.logits - before.logits).max()) if agree else float("inf"),
            before.uar,
            outcome.uar,
        )
        restored = repeated.agrees and restore_network(
            database, workspace.artifacts, before.system, before.split, outcome.state
        )
        yield replace(repeated, restored=restored)


def _repeat(search: Search, before: Recorded, executor: Executor, listener: Listener) -> Outcome:
    configuration = Configuration.from_parameters(before.parameters)
    job = search.job(before.trial, configuration, before.fold)
    future = executor.submit(
        run_fold, job, lambda report: listener.epoch(before.trial, before.fold, report)
    )
    executor.wait([future])
    outcome: Outcome = future.result()
    return outcome


def _recorded(
    database: Database, number: int, folds: bool
) -> tuple[StudyPlan, ComputeSettings, list[Recorded]]:
    with database.session() as session:
        system = find_system(session, number)
        study = _study_of(session, system)
        plan = StudyPlan.from_dict(study.plan)
        _check_origin(session, number, plan)
        found = [
            _as_recorded(session, trial, training)
            for trial in winners(session, system)
            for training in trial.trainings
            if folds or training.split.fold == HOLDOUT
        ]
        compute = ComputeSettings.from_dict(study.compute_settings)
        return plan, compute, found


def _check_origin(session: Session, number: int, plan: StudyPlan) -> None:
    """Name the entry that brings the weights back that training began with, where they are lost.

    Raises:
        WeightsError: they are.
    """
    path = Path(plan.weights)
    if plan.weights in (DEFAULT_WEIGHTS, NO_WEIGHTS) or path.is_file():
        return
    query = (
        select(SystemRow.number)
        .join(ArtifactRow, ArtifactRow.system_id == SystemRow.id)
        .where(ArtifactRow.file == path.name, SystemRow.number.is_not(None))
    )
    parent = session.scalar(query)
    remedy = "put the file back"
    if parent is not None:
        remedy = f"`serbench study reproduce {parent}` trains them again"
    raise WeightsError(
        f"entry {number} began from the weights {path}, which are missing: {remedy}",
        path=path,
        entry=number,
        parent=parent,
    )


def _study_of(session: Session, system: SystemRow) -> StudyRow:
    if system.imported is not None:
        raise UsageError(
            f"entry {system.number} ({system.name}) was imported: it did not run here, so it "
            "cannot run again",
            number=system.number,
        )
    return first_study(session, system)


def _as_recorded(session: Session, trial: TrialRow, training: TrainingRow) -> Recorded:
    query = select(PredictionRow).where(
        PredictionRow.system_id == training.system_id,
        PredictionRow.split_id == training.split_id,
        PredictionRow.runtime == EAGER,
    )
    found = read_prediction(session.scalars(query).one())
    fold = training.split.fold
    return Recorded(
        outer_fold=training.split.outer_fold,
        trial=trial.number,
        parameters=dict(trial.parameters),
        fold=fold if fold == HOLDOUT else int(fold),
        system=training.system_id,
        split=training.split_id,
        rows=found.rows,
        logits=found.logits,
        uar=training.uar,
    )
