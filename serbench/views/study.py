"""Views of studies: plan, trials, folds and entry."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, selectinload

from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, shown_fold
from serbench.search.events import COMPLETE, FAILED, RUNNING, TrialRecord
from serbench.search.importance import Importance, importances, searched
from serbench.store.database import Database
from serbench.store.predictions import winners
from serbench.store.schema import StudyRow, SystemRow, TrainingRow, TrialRow
from serbench.store.schema_data import DatasetRow, ProtocolRow
from serbench.store.studies import find_study
from serbench.store.systems import find_system, shipped_artifact
from serbench.views.entry import EntryView
from serbench.views.gain import gain_of
from serbench.views.reading import entry_view


@dataclass(frozen=True)
class StudyView:
    """A study as it is shown in a list or on a page.

    Attributes:
        study: number of the study.
        backbone: name of the backbone.
        front_end: name of the front end.
        head: name of the head.
        schedule: name of the schedule; empty for a fitted head.
        dataset: name of the dataset.
        protocol: name of the protocol.
        outer_fold: number of the outer fold of the protocol, from 1.
        trials: number of trials that have ended, including failed ones.
        of: number of planned trials.
        best_mean_uar: highest mean UA over all folds of a complete trial, or None.
        state: ``finished``, ``unfinished``, or ``failed`` if no trial could be trained.
        entry: number of its entry, or None.
        started: time of its start.
        detail: further data for a page: plan, compute settings, all trials; empty in a list.
    """

    study: int
    backbone: str
    front_end: str
    head: str
    schedule: str
    dataset: str
    protocol: str
    outer_fold: int
    trials: int
    of: int
    best_mean_uar: float | None
    state: str
    entry: int | None
    started: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def history(self) -> list[TrialRecord]:
        """The trials of a page, as the search knows them."""
        return [
            TrialRecord(
                number=each["trial"] - 1,
                parameters=each["parameters"],
                state=each["state"],
                mean_uar=each["mean_uar"],
                failure=each["failure"],
            )
            for each in self.detail["trials"]
        ]

    @property
    def searched(self) -> list[str]:
        """The parameters with more than one value among the trials of a page."""
        return searched(self.history)

    @cached_property
    def importances(self) -> list[Importance]:
        """The importance of the searched parameters, from the trials of a page."""
        return importances(self.history)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``; on a page ``trials`` is the list of all trials."""
        plain = asdict(self)
        detail = plain.pop("detail")
        return {**plain, **detail}


def study_views(database: Database, number: int | None = None) -> list[StudyView]:
    """All studies, oldest first, or only the study of a number."""
    tried = (
        select(
            TrialRow.study_id,
            func.count(case((TrialRow.state != RUNNING, 1))).label("trials"),
            func.count(case((TrialRow.state == FAILED, 1))).label("failed"),
            func.max(case((TrialRow.state == COMPLETE, TrialRow.mean_uar))).label("best_mean_uar"),
        )
        .group_by(TrialRow.study_id)
        .subquery()
    )
    query = (
        select(
            StudyRow.id.label("study"),
            *(SystemRow.name.label("backbone"), SystemRow.front_end),
            *(SystemRow.head, SystemRow.schedule),
            DatasetRow.name.label("dataset"),
            *(ProtocolRow.name.label("protocol"), StudyRow.outer_fold),
            func.coalesce(tried.c.trials, 0).label("trials"),
            func.coalesce(tried.c.failed, 0).label("failed"),
            StudyRow.plan["trials"].as_integer().label("of"),
            tried.c.best_mean_uar,
            StudyRow.finished.label("state"),
            SystemRow.number.label("entry"),
            StudyRow.started,
        )
        .join(ProtocolRow, ProtocolRow.id == StudyRow.protocol_id)
        .join(DatasetRow, DatasetRow.id == ProtocolRow.dataset_id)
        .join(SystemRow, SystemRow.id == StudyRow.system_id)
        .outerjoin(tried, tried.c.study_id == StudyRow.id)
        .order_by(StudyRow.id)
    )
    if number is not None:
        query = query.where(StudyRow.id == number)
    with database.session() as session:
        return [_study_view(dict(found)) for found in session.execute(query).mappings()]


def _study_view(found: dict[str, Any]) -> StudyView:
    """A study, from the columns of ``study_views``."""
    failed, finished = found.pop("failed"), found["state"] is not None
    state = "finished" if finished else "unfinished"
    if finished and failed == found["trials"] > 0:
        state = "failed"
    return StudyView(
        **{
            **found,
            "state": state,
            "outer_fold": found["outer_fold"] + 1,
            "started": found["started"].isoformat(timespec="seconds"),
        }
    )


def study_view(
    database: Database,
    number: int,
    entry: EntryView | None = None,
    manifest: Manifest | None = None,
) -> StudyView:
    """One study with its plan, all trials and folds, and its entry.

    Args:
        database: the database with the study.
        number: its number.
        entry: its entry, if it was read already.
        manifest: of its dataset, if it was read already.

    Raises:
        UsageError: there is no such study.
    """
    with database.session() as session:
        study = find_study(session, number)
        detail = {
            "plan": {**study.plan, "outer_fold": study.outer_fold + 1},
            "clips": ClipFormat(**study.plan["clip_format"]).text,
            "compute_settings": study.compute_settings,
            "speed_tuning": study.speed_tuning and study.speed_tuning.found,
            "machine": study.machine,
            "versions": study.versions,
            "finished": study.finished and study.finished.isoformat(timespec="seconds"),
            "trials": [_trial(trial) for trial in _trials_of(session, study)],
        }
    [view] = study_views(database, number)
    detail["entry"] = (
        None
        if view.entry is None
        else _led_to(database, number, entry or entry_view(database, view.entry), manifest)
    )
    return replace(view, detail=detail)


def _trials_of(session: Session, study: StudyRow) -> list[TrialRow]:
    """The trials of a study with their trainings and folds, which are read by few queries."""
    trainings = selectinload(TrialRow.trainings).joinedload(TrainingRow.split)
    query = select(TrialRow).where(TrialRow.study_id == study.id).options(trainings)
    return list(session.scalars(query.order_by(TrialRow.number)))


def _trial(trial: TrialRow) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "state": trial.state,
        "mean_uar": trial.mean_uar,
        "failure": trial.failure,
        "parameters": trial.parameters,
        "folds": [_fold(training) for training in sorted(trial.trainings, key=_place)],
    }


def _place(training: TrainingRow) -> tuple[bool, int]:
    """The order of a training: by the number of its fold; the training for the holdout is last."""
    tested = training.split.fold == HOLDOUT
    return tested, 0 if tested else int(training.split.fold)


def _fold(training: TrainingRow) -> dict[str, Any]:
    columns = (
        *("uar", "epochs", "best_epoch", "seconds", "pruned", "curve", "losses"),
        *("machine", "device", "versions"),
    )
    facts = {name: getattr(training, name) for name in columns}
    return {"fold": shown_fold(training.split.fold, training.uar is not None), **facts}


def _led_to(
    database: Database, study: int, entry: EntryView, manifest: Manifest | None
) -> dict[str, Any]:
    """The entry of a study, and the winning trial."""
    view, gain = entry.as_dict(), gain_of(database, entry.entry, manifest)
    with database.session() as session:
        system = find_system(session, entry.entry)
        won = [each.number + 1 for each in winners(session, system) if each.study_id == study]
        artifact = shipped_artifact(session, system)
        network = {"artifact": artifact.file, "artifact_sha256": artifact.sha256}
    names = ("entry", "uar", "uar_ci", "accuracy", "accuracy_ci", "macro_f1", "macro_f1_ci")
    return {
        **{name: view[name] for name in (*names, "protocol_id", "weights")},
        **network,
        "trial": won[0] if won else None,  # its last training may be due again
        "gain": None if gain is None else {**asdict(gain), "sentence": gain.sentence},
    }
