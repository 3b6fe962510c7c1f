"""What a study yields, recorded as it comes; what it needs to go on, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from serbench.data.protocols import EXAM
from serbench.errors import UsageError
from serbench.model.metrics import score
from serbench.results.database import Database
from serbench.results.datasets import Datasets, find_dataset
from serbench.results.latency import LatencyFacts
from serbench.results.machine import Machine, this_machine, versions
from serbench.results.schema import (
    EntryRow,
    FoldRow,
    LatencyRow,
    MachineRow,
    PredictionRow,
    StudyRow,
    TrialRow,
    now,
)
from serbench.search.crossval import FoldOutcome
from serbench.search.plan import StudyPlan


@dataclass(frozen=True)
class EntryFacts:
    """What is known of a study's winner beside its scores.

    Attributes:
        trial: number of the winning trial.
        params: parameters of the network.
        macs: multiply-accumulates for one clip.
        artifact: the weights file, relative to the artifacts folder.
        artifact_sha256: its content's hash.
    """

    trial: int
    params: int
    macs: int
    artifact: str
    artifact_sha256: str


@dataclass(frozen=True)
class EntryRecord:
    """What is needed to use an entry's network: plan, label set, weights file and its hash."""

    plan: StudyPlan
    emotions: tuple[str, ...]
    artifact: str
    artifact_sha256: str


class Studies:
    """The studies of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_study(self, plan: StudyPlan) -> None:
        """Make sure the study has a row."""
        with self._database.session() as session:
            if session.scalar(select(StudyRow).where(StudyRow.key == plan.key)) is None:
                session.add(
                    StudyRow(
                        key=plan.key,
                        dataset_id=find_dataset(session, plan.dataset, plan.dataset_hash).id,
                        backbone=plan.backbone,
                        front_end=plan.front_end,
                        schedule=plan.schedule,
                        protocol=plan.protocol,
                        plan=plan.as_dict(),
                        machine=asdict(this_machine()),
                        versions=versions(),
                    )
                )

    def begin_trial(self, plan: StudyPlan, number: int, parameters: Mapping[str, float]) -> None:
        """Make sure the trial has a row."""
        with self._database.session() as session:
            study = _study(session, plan.key)
            if all(trial.number != number for trial in study.trials):
                study.trials.append(TrialRow(number=number, parameters=dict(parameters)))

    def save_fold(self, plan: StudyPlan, outcome: FoldOutcome) -> None:
        """Keep what a network said about the clips of one fold, and what that was worth."""
        with self._database.session() as session:
            session.add(_fold_row(session, plan, outcome))

    def end_trial(self, plan: StudyPlan, number: int, state: str, mean_uar: float) -> None:
        """Mark a trial ``complete`` or ``pruned``."""
        with self._database.session() as session:
            trial = _trial(session, plan.key, number)
            trial.state, trial.mean_uar = state, mean_uar

    def folds(self, plan: StudyPlan) -> dict[tuple[int, int | str], FoldOutcome]:
        """All outcomes recorded for a plan, for going on where it stopped."""
        with self._database.session() as session:
            query = (
                select(FoldRow, TrialRow.number)
                .join(TrialRow, TrialRow.id == FoldRow.trial_id)
                .join(StudyRow, StudyRow.id == TrialRow.study_id)
                .where(StudyRow.key == plan.key)
                .options(joinedload(FoldRow.prediction))
            )
            targets = Datasets(self._database).manifest(plan.dataset, plan.dataset_hash).targets
            found = [_outcome(fold, trial, targets) for fold, trial in session.execute(query)]
        return {(outcome.trial, outcome.fold): outcome for outcome in found}

    def save_entry(self, plan: StudyPlan, outcome: FoldOutcome, facts: EntryFacts) -> int:
        """Keep the winner with its exam; the study is finished.

        Returns:
            the entry's number.
        """
        with self._database.session() as session:
            study = _study(session, plan.key)
            fold = _fold_row(session, plan, outcome)
            session.add(fold)
            session.flush()
            trial = _trial(session, plan.key, facts.trial)
            uars = [fold.uar for fold in trial.folds if fold.name != EXAM]
            entry = EntryRow(
                study_id=study.id,
                fold_id=fold.id,
                uar=fold.uar,
                accuracy=fold.accuracy,
                macro_f1=fold.macro_f1,
                cv_uar_mean=float(np.mean(uars)),
                cv_uar_sd=float(np.std(uars, ddof=1)),
                weights=outcome.weights,
                **asdict(facts),
            )
            session.add(entry)
            study.finished = now()
            session.flush()
            return entry.id

    def entry_of(self, plan: StudyPlan) -> int | None:
        """The entry that a study produced, or None while it is not finished."""
        with self._database.session() as session:
            return session.scalar(
                select(EntryRow.id).join(StudyRow).where(StudyRow.key == plan.key)
            )

    def has_begun(self, plan: StudyPlan) -> bool:
        """True where something of this study is recorded."""
        with self._database.session() as session:
            return session.scalar(select(StudyRow.id).where(StudyRow.key == plan.key)) is not None

    def save_latency(self, entry: int, machine: Machine, facts: LatencyFacts) -> None:
        """Keep a measurement; an older one of the same kind is replaced."""
        with self._database.session() as session:
            row = session.scalar(
                select(MachineRow).where(MachineRow.fingerprint == machine.fingerprint)
            )
            if row is None:
                row = MachineRow(fingerprint=machine.fingerprint, **asdict(machine))
                session.add(row)
                session.flush()
            older = session.scalar(
                select(LatencyRow).filter_by(
                    entry_id=entry,
                    machine_id=row.id,
                    runtime=facts.runtime,
                    threads=facts.threads,
                )
            )
            if older is not None:
                session.delete(older)
                session.flush()
            session.add(
                LatencyRow(entry_id=entry, machine_id=row.id, versions=versions(), **asdict(facts))
            )

    def latency_threads(self, entry: int, machine: Machine) -> list[int]:
        """Thread counts at which an entry was measured on a machine."""
        with self._database.session() as session:
            query = (
                select(LatencyRow.threads)
                .join(MachineRow)
                .where(LatencyRow.entry_id == entry, MachineRow.fingerprint == machine.fingerprint)
            )
            return list(session.scalars(query))

    def entry(self, number: int) -> EntryRecord:
        """What is needed to use an entry's network.

        Raises:
            UsageError: no such entry.
        """
        with self._database.session() as session:
            row = session.get(EntryRow, number)
            if row is None:
                known = ", ".join(str(other) for other in session.scalars(select(EntryRow.id)))
                raise UsageError(
                    f"no entry {number}: "
                    + (f"there are {known}" if known else "run `serbench study run` first")
                )
            return EntryRecord(
                plan=StudyPlan.from_dict(row.study.plan),
                emotions=tuple(row.study.dataset.account["by_emotion"]),
                artifact=row.artifact,
                artifact_sha256=row.artifact_sha256,
            )


def _study(session: Session, key: str) -> StudyRow:
    return session.scalars(select(StudyRow).where(StudyRow.key == key)).one()


def _trial(session: Session, key: str, number: int) -> TrialRow:
    query = select(TrialRow).join(StudyRow).where(StudyRow.key == key, TrialRow.number == number)
    return session.scalars(query).one()


def _fold_row(session: Session, plan: StudyPlan, outcome: FoldOutcome) -> FoldRow:
    return FoldRow(
        trial_id=_trial(session, plan.key, outcome.trial).id,
        name=str(outcome.fold),
        uar=outcome.scores.uar,
        accuracy=outcome.scores.accuracy,
        macro_f1=outcome.scores.macro_f1,
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        seconds=outcome.seconds,
        seed=outcome.seed,
        weights=outcome.weights,
        prediction=PredictionRow(
            rows=outcome.rows.astype("<i8").tobytes(),
            logits=outcome.logits.astype("<f4").tobytes(),
        ),
    )


def _outcome(fold: FoldRow, trial: int, targets: npt.NDArray[np.int64]) -> FoldOutcome:
    rows, logits = read_prediction(fold.prediction)
    return FoldOutcome(
        trial=trial,
        fold=fold.name if fold.name == EXAM else int(fold.name),
        rows=rows,
        logits=logits,
        scores=score(logits, targets[rows]),
        epochs=fold.epochs,
        best_epoch=fold.best_epoch,
        seconds=fold.seconds,
        seed=fold.seed,
        weights=fold.weights,
    )


def read_prediction(
    prediction: PredictionRow,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Rows of the manifest ``[n]`` and what the network said about them, ``[n, n_classes]``."""
    rows = np.frombuffer(prediction.rows, dtype="<i8")
    return rows, np.frombuffer(prediction.logits, dtype="<f4").reshape(len(rows), -1)
