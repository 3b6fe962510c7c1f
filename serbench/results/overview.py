"""What the database holds of studies, for people to look at."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from serbench.errors import UsageError
from serbench.results.database import Database
from serbench.results.gain import gain_of
from serbench.results.schema import DatasetRow, EntryRow, FoldRow, StudyRow, TrialRow


def list_studies(database: Database) -> list[dict[str, Any]]:
    """One row of plain data for each study, oldest first."""
    finished = func.count(TrialRow.mean_uar)
    first = aliased(StudyRow)
    query = (
        select(StudyRow, DatasetRow.name, finished, func.max(TrialRow.mean_uar), EntryRow.id)
        .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
        .join(first, and_(first.family == StudyRow.family, first.round == 0))
        .outerjoin(TrialRow, TrialRow.study_id == StudyRow.id)
        .outerjoin(EntryRow, EntryRow.study_id == first.id)
        .where(StudyRow.front_end != "")  # not of predictions from outside
        .group_by(StudyRow.id, DatasetRow.name, EntryRow.id)
        .order_by(StudyRow.id)
    )
    with database.session() as session:
        return [
            {
                "study": study.id,
                "backbone": study.backbone,
                "front_end": study.front_end,
                "schedule": study.schedule,
                "dataset": dataset,
                "protocol": study.protocol,
                "round": study.round,
                "trials": trials,
                "of": study.plan["trials"],
                "best_mean_uar": best,
                "state": "finished" if study.finished else "unfinished",
                "entry": entry,
                "started": study.started.isoformat(timespec="seconds"),
            }
            for study, dataset, trials, best, entry in session.execute(query)
        ]


def show_study(database: Database, number: int) -> dict[str, Any]:
    """A study as plain data: its plan, every trial, every fold, the exam.

    Raises:
        UsageError: no such study.
    """
    with database.session() as session:
        study = session.get(StudyRow, number)
        if study is None or not study.front_end:
            ran_here = select(StudyRow.id).where(StudyRow.front_end != "")
            known = ", ".join(str(other) for other in session.scalars(ran_here))
            raise UsageError(
                f"no study {number}: "
                + (f"there are {known}" if known else "run `serbench study run` first")
            )
        first = select(StudyRow.id).where(StudyRow.family == study.family, StudyRow.round == 0)
        entry = session.scalar(select(EntryRow).where(EntryRow.study_id == first.scalar_subquery()))
        gain = entry and gain_of(database, entry.id)
        return {
            "study": study.id,
            "state": "finished" if study.finished else "unfinished",
            "plan": study.plan,
            "numerics": study.numerics,
            "machine": study.machine,
            "versions": study.versions,
            "started": study.started.isoformat(timespec="seconds"),
            "finished": study.finished and study.finished.isoformat(timespec="seconds"),
            "trials": [_trial(trial) for trial in study.trials],
            "entry": entry
            and {
                "entry": entry.id,
                "trial": entry.trial,
                "uar": entry.uar,
                "accuracy": entry.accuracy,
                "macro_f1": entry.macro_f1,
                "intervals": entry.intervals,
                "protocol_id": entry.protocol_id,
                "weights": entry.weights,
                "artifact": entry.artifact,
                "artifact_sha256": entry.artifact_sha256,
                "gain": gain and {**asdict(gain), "sentence": gain.sentence},
            },
        }


def _trial(trial: TrialRow) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "state": trial.state,
        "mean_uar": trial.mean_uar,
        "parameters": trial.parameters,
        "folds": [_fold(fold) for fold in trial.folds],
    }


def _fold(fold: FoldRow) -> dict[str, Any]:
    return {
        "fold": fold.name,
        "uar": fold.uar,
        "accuracy": fold.accuracy,
        "macro_f1": fold.macro_f1,
        "epochs": fold.epochs,
        "best_epoch": fold.best_epoch,
        "seconds": fold.seconds,
    }
