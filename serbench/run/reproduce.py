"""Train an entry again, and compare all logits with the recorded ones."""

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
from serbench.model.recipe import Configuration, Parameter
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.run.study import prepare
from serbench.score.metric import CORRECTED
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.artifacts import hash_of
from serbench.store.database import Database
from serbench.store.networks import network_of, restore_network
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
    """A recorded training.

    Attributes:
        outer_fold: number of the outer fold, from 0.
        trial: number of the trial.
        parameters: parameters of the configuration.
        fold: number of the fold, or ``holdout``.
        system: id of the system of the network.
        split: id of the split of the training.
        rows: test rows, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        uar: recorded UAR; None without test rows.
        best_epoch: number of the epoch with the final weights.
        sha256: hash of the network's file; None if it has none.
    """

    outer_fold: int
    trial: int
    parameters: dict[str, Parameter]
    fold: int | str
    system: int
    split: int
    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    uar: float | None
    best_epoch: int
    sha256: str | None


@dataclass(frozen=True)
class Repeated:
    """A training that was run again.

    Attributes:
        outer_fold: number of the outer fold, from 0.
        fold: number of the fold, or ``holdout``.
        clips: number of test clips.
        largest: largest difference of two logits; 0 if all are equal bit by bit. Without test
            clips, 0 if all weights are equal bit by bit, otherwise infinite.
        before: recorded UAR; None without test clips.
        now: UAR of the repetition; None without test clips.
        restored: True if the network's file was missing or changed, and was saved again.
    """

    outer_fold: int
    fold: int | str
    clips: int
    largest: float
    before: float | None
    now: float | None
    restored: bool = False

    @property
    def agrees(self) -> bool:
        """True if all logits are equal, or, without test clips, all weights."""
        return self.largest == 0


def changes_since(database: Database, number: int) -> dict[str, tuple[str, str]]:
    """The changes of machine, versions and commit since an entry was made.

    Returns:
        name → value before, value now.

    Raises:
        UsageError: there is no such entry, or it was imported.
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
    """Repeat the trainings of an entry with their compute settings.

    If all logits are equal, so is the network, and its file is written if it is missing or changed.

    Args:
        number: number of the entry.
        plugins: the plugins with all names in its plan.
        workspace: folder of prepared clips.
        database: the database with the entry.
        listener: receives events of the preparation and of each epoch.
        folds: whether to repeat the trainings on the winner's folds too; if nothing is set aside,
            they are always repeated.
        executor: runs trainings; by default in this process.

    Yields:
        each training when it is finished.

    Raises:
        UsageError: there is no such entry, or it was imported.
        WeightsError: the initial weights of its training are missing.
        SerbenchError: its dataset or clips are no longer available.
    """
    executor = executor or InThisProcess(plugins)
    plan, compute, recorded = recorded_trainings(database, number, folds)
    prepared = prepare(plan, plugins, workspace, database, executor, listener)
    for before in recorded:
        search = replace(prepared.searches[before.outer_fold], compute=compute)
        outcome = _repeat(search, before, executor, listener)
        tested = len(outcome.rows) > 0
        repeated = Repeated(
            before.outer_fold,
            before.fold,
            len(outcome.rows),
            _largest(before, outcome),
            before.uar,
            outcome.uar if tested else None,
        )
        restored = repeated.agrees and restore_network(
            database, workspace.artifacts, before.system, before.split, outcome.state
        )
        yield replace(repeated, restored=restored)


def _largest(before: Recorded, outcome: Outcome) -> float:
    """The largest difference of logits; without test rows, 0 if all weights are equal."""
    if len(outcome.rows):
        agree = np.array_equal(outcome.rows, before.rows)
        return float(np.abs(outcome.logits - before.logits).max()) if agree else float("inf")
    return 0.0 if before.sha256 in (None, hash_of(outcome.state)) else float("inf")


def _repeat(search: Search, before: Recorded, executor: Executor, listener: Listener) -> Outcome:
    configuration = Configuration.from_parameters(before.parameters)
    last = before.fold == HOLDOUT
    job = search.job(
        before.trial, configuration, before.fold, exactly=before.best_epoch if last else None
    )
    future = executor.submit(
        run_fold, job, lambda report: listener.epoch(before.trial, before.fold, report)
    )
    executor.wait([future])
    outcome: Outcome = future.result()
    return outcome


def recorded_trainings(
    database: Database, number: int, folds: bool
) -> tuple[StudyPlan, ComputeSettings, list[Recorded]]:
    """The plan, the compute settings and the trainings of an entry's winners.

    Args:
        database: the database with the entry.
        number: number of the entry.
        folds: whether to return the trainings on the folds of a search with a holdout too.

    Raises:
        UsageError: there is no such entry, or it was imported.
        WeightsError: the initial weights of its training are missing.
    """
    with database.session() as session:
        system = find_system(session, number)
        study = _study_of(session, system)
        plan = StudyPlan.from_dict(study.plan)
        _check_origin(session, number, plan)
        found = [
            _as_recorded(session, trial, training)
            for trial in winners(session, system)
            for training in trial.trainings
            if folds or training.split.fold == HOLDOUT or system.protocol.evidence == CORRECTED
        ]
        compute = ComputeSettings.from_dict(study.compute_settings)
        return plan, compute, found


def _check_origin(session: Session, number: int, plan: StudyPlan) -> None:
    """Check that the initial weights of a training exist.

    Raises:
        WeightsError: they are missing; the message names an entry that restores them.
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
    remedy = "restore this file"
    if parent is not None:
        remedy = f"train them again with `serbench study reproduce {parent}`"
    raise WeightsError(
        f"the initial weights {path} of entry {number} are missing: {remedy}",
        path=path,
        entry=number,
        parent=parent,
    )


def _study_of(session: Session, system: SystemRow) -> StudyRow:
    if system.imported is not None:
        raise UsageError(
            f"entry {system.number} ({system.name}) was imported and has no training to repeat: "
            "give an entry that was trained with serbench",
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
    network = network_of(session, training.system_id, training.split_id)
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
        best_epoch=training.best_epoch,
        sha256=None if network is None else network.sha256,
    )
