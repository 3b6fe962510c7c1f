"""What the database holds of studies, for people to look at."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.schema import DatasetRow, EntryRow, FoldRow, StudyRow, TrialRow
from serbench.views.gain import gain_of


def list_studies(database: Database) -> list[dict[str, Any]]:
    """One row of plain data for each study, oldest first."""
    tried = (
        select(
            TrialRow.study_id,
            func.count(TrialRow.mean_uar).label("trials"),
            func.max(TrialRow.mean_uar).label("best_mean_uar"),
        )
        .group_by(TrialRow.study_id)
        .subquery()
    )
    first = aliased(StudyRow)
    query = (
        select(
            StudyRow.id.label("study"),
            *(StudyRow.backbone, StudyRow.front_end, StudyRow.schedule),
            DatasetRow.name.label("dataset"),
            *(StudyRow.protocol, StudyRow.outer_fold),
            func.coalesce(tried.c.trials, 0).label("trials"),
            StudyRow.plan["trials"].as_integer().label("of"),
            tried.c.best_mean_uar,
            StudyRow.finished.label("state"),
            EntryRow.id.label("entry"),
            StudyRow.started,
        )
        .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
        .join(first, and_(first.family == StudyRow.family, first.outer_fold == 0))
        .outerjoin(tried, tried.c.study_id == StudyRow.id)
        .outerjoin(EntryRow, EntryRow.study_id == first.id)
        .where(StudyRow.front_end != "")  # not of predictions from outside
        .order_by(StudyRow.id)
    )
    with database.session() as session:
        return [
            {
                **found,
                "state": "finished" if found["state"] else "unfinished",
                "started": found["started"].isoformat(timespec="seconds"),
            }
            for found in session.execute(query).mappings()
        ]


def show_study(database: Database, number: int) -> dict[str, Any]:
    """A study as plain data: its plan, every trial, every fold, the holdout.

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
        first = select(StudyRow.id).where(StudyRow.family == study.family, StudyRow.outer_fold == 0)
        entry = session.scalar(select(EntryRow).where(EntryRow.study_id == first.scalar_subquery()))
        gain = entry and gain_of(database, entry.id)
        return {
            "study": study.id,
            "state": "finished" if study.finished else "unfinished",
            "plan": study.plan,
            "compute_settings": study.compute_settings,
            "calibration": study.calibration and study.calibration.found,
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
        "pruned": fold.pruned,
        "curve": fold.curve,
        "losses": fold.losses,
    }
