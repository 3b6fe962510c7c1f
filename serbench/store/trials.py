"""The recorded trials of a study, and the epochs of trainings that are not finished yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from serbench.data.protocols import HOLDOUT
from serbench.search.events import TrialRecord
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.schema import ProgressRow, StudyRow, TrialRow

if TYPE_CHECKING:
    from serbench.model.training import EpochReport
    from serbench.search.study import OnEpoch

INTERVAL = 2.0
"""Epochs are recorded after so many seconds, so that short ones are not slowed down."""


def trial_records(study: StudyRow) -> list[TrialRecord]:
    """All trials of a study so far, by number."""
    return [
        TrialRecord(
            number=trial.number,
            parameters=dict(trial.parameters),
            state=trial.state,
            failure=trial.failure,
            mean_uar=trial.mean_uar,
            uars={
                int(training.split.fold): training.uar
                for training in trial.trainings
                if training.split.fold != HOLDOUT and training.uar is not None
            },
        )
        for trial in study.trials
    ]


def drop_progress(trial: TrialRow, fold: int | str) -> None:
    """Remove the epochs of a training that is recorded."""
    trial.progress = [each for each in trial.progress if each.fold != str(fold)]


class EpochRecords:
    """Receives the epochs of a study, passes them on, and records them for those who watch it.

    Each call gets trial, fold and report of an epoch, as from ``run_study``.

    Args:
        database: database of the study.
        plan: plan of the study.
        further: also receives each epoch.
        clock: the time in seconds.
    """

    def __init__(
        self,
        database: Database,
        plan: StudyPlan,
        further: OnEpoch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._plan, self._further = database, plan, further
        self._clock = clock
        self._curves: dict[tuple[int, int | str], list[float]] = {}
        self._recorded: dict[tuple[int, int | str], float] = {}

    def __call__(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """Receive an epoch."""
        self._further(trial, fold, report)
        place, now = (trial, fold), self._clock()
        if report.epoch == 1:
            self._curves[place], self._recorded[place] = [], now
        curve = self._curves.setdefault(place, [])
        if report.validation is not None:
            curve.append(report.validation.uar)
        if now - self._recorded.setdefault(place, now) >= INTERVAL:
            self._recorded[place] = now
            self._record(trial, fold, report, curve)

    @again_on_conflict
    def _record(self, trial: int, fold: int | str, report: EpochReport, curve: list[float]) -> None:
        query = (
            select(TrialRow)
            .join(StudyRow, StudyRow.id == TrialRow.study_id)
            .where(StudyRow.key == self._plan.key, TrialRow.number == trial)
        )
        with self._database.session() as session:
            row = session.scalars(query).one()
            drop_progress(row, fold)
            session.flush()
            row.progress.append(
                ProgressRow(
                    fold=str(fold), epoch=report.epoch, epochs=report.epochs, curve=list(curve)
                )
            )
