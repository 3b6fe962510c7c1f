"""What a study yields, recorded as it comes; what it needs to go on, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from serbench.data.protocols import HOLDOUT
from serbench.execute.fold import FoldOutcome
from serbench.model.compute import ComputeSettings
from serbench.score.metrics import score
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets, find_dataset
from serbench.store.machines import this_machine, versions
from serbench.store.predictions import read_prediction, write_prediction
from serbench.store.schema import FoldRow, StudyRow, TrialRow, now


class Studies:
    """The studies of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_study(self, plan: StudyPlan, compute_settings: ComputeSettings) -> ComputeSettings:
        """Make sure the study has a row.

        Args:
            plan: of the study.
            compute settings: what it would be trained with now.

        Returns:
            the compute settings it began with, which the rest of it has to keep to.
        """
        with self._database.session() as session:
            row = session.scalar(select(StudyRow).where(StudyRow.key == plan.key))
            if row is None:
                row = StudyRow(
                    key=plan.key,
                    family=plan.of_outer_fold(0).key,
                    outer_fold=plan.outer_fold,
                    dataset_id=find_dataset(session, plan.dataset, plan.dataset_hash).id,
                    backbone=plan.backbone,
                    front_end=plan.front_end,
                    schedule=plan.schedule,
                    protocol=plan.protocol,
                    plan=plan.as_dict(),
                    compute_settings=compute_settings.as_dict(),
                    machine=asdict(this_machine()),
                    versions=versions(),
                )
                session.add(row)
            return ComputeSettings.from_dict(row.compute_settings)

    def compute_settings(self, plan: StudyPlan) -> ComputeSettings | None:
        """What a study began with, or None where it has not begun."""
        with self._database.session() as session:
            found = session.scalar(
                select(StudyRow.compute_settings).where(StudyRow.key == plan.key)
            )
            return None if found is None else ComputeSettings.from_dict(found)

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

    def finish_study(self, plan: StudyPlan, holdout: FoldOutcome) -> None:
        """Keep what the refitted winner said in its one holdout; the search of this outer fold is over."""
        with self._database.session() as session:
            session.add(_fold_row(session, plan, holdout))
            _study(session, plan.key).finished = now()

    def holdout(self, plan: StudyPlan) -> FoldOutcome:
        """What the winner said in its holdout; the search of this outer fold is over."""
        return next(outcome for (_, fold), outcome in self.folds(plan).items() if fold == HOLDOUT)

    def has_begun(self, plan: StudyPlan) -> bool:
        """True where something of this study is recorded."""
        with self._database.session() as session:
            return session.scalar(select(StudyRow.id).where(StudyRow.key == plan.key)) is not None


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
        curve=list(outcome.curve),
        losses=list(outcome.losses),
        pruned=outcome.pruned,
        prediction=write_prediction(outcome.rows, outcome.logits),
    )


def _outcome(fold: FoldRow, trial: int, targets: npt.NDArray[np.int64]) -> FoldOutcome:
    said = read_prediction(fold.prediction)
    return FoldOutcome(
        trial=trial,
        fold=fold.name if fold.name == HOLDOUT else int(fold.name),
        rows=said.rows,
        logits=said.logits,
        scores=score(said.logits, targets[said.rows]),
        epochs=fold.epochs,
        best_epoch=fold.best_epoch,
        seconds=fold.seconds,
        seed=fold.seed,
        weights=fold.weights,
        curve=tuple(fold.curve),
        losses=tuple(fold.losses),
        pruned=fold.pruned,
    )
