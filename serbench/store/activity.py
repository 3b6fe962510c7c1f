"""What a study does at present: its lease, its trials, and its trainings so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.model.ranges import Searched, ranges_from
from serbench.search.events import TrialRecord
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.lease import is_leased, search_key
from serbench.store.pace import ROW_BYTES
from serbench.store.schema import CandidateRow, StudyRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow
from serbench.store.studies import find_study
from serbench.store.trials import trial_records


@dataclass(frozen=True)
class Trained:
    """A recorded training of a study.

    Attributes:
        trial: number of the trial, from 0.
        fold: number of the fold, from 0, or ``holdout`` for the last training of the winner.
        uar: UA of its test clips, None where there are none.
        epochs: number of epochs.
        pruned: whether it was stopped because it fell behind.
        curve: UA of the validation clips after each epoch.
    """

    trial: int
    fold: int | str
    uar: float | None
    epochs: int
    pruned: bool
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Epochs:
    """The epochs so far of a training that is not recorded yet.

    Attributes:
        trial: number of the trial, from 0.
        fold: number of the fold, from 0, or ``holdout``.
        epoch: number of finished epochs.
        epochs: largest number of epochs.
        curve: UA of the validation clips after each epoch; empty without validation clips.
    """

    trial: int
    fold: int | str
    epoch: int
    epochs: int
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Activity:
    """A study at one moment.

    Attributes:
        study: its number.
        plan: its plan, with the largest budget so far.
        leased: whether a process runs it.
        searched: whether it is a candidate of a search that runs.
        space: the range or the choice of each searched parameter.
        parallel: number of trainings at once.
        machine: the machine of its newest training, else that on which it began.
        outer_folds: number of outer folds of its protocol.
        clips: fold → number of clips that are trained on; also of the last training.
        records: all trials so far, by number.
        trainings: all recorded trainings, oldest first.
        progress: trainings that run, where some of their epochs are recorded.
        seconds: time of the trainings of the search in seconds.
        last_done: whether the last training of the winner is recorded, or the study has failed.
    """

    study: int
    plan: StudyPlan
    leased: bool
    searched: bool
    space: Mapping[str, Searched]
    parallel: int
    machine: Mapping[str, Any]
    outer_folds: int
    clips: Mapping[int | str, int]
    records: tuple[TrialRecord, ...]
    trainings: tuple[Trained, ...]
    progress: tuple[Epochs, ...]
    seconds: float
    last_done: bool

    @property
    def folds(self) -> list[int]:
        """The folds of the search, from 0."""
        return sorted(fold for fold in self.clips if isinstance(fold, int))

    @property
    def left(self) -> list[tuple[int, int]]:
        """Trial and fold of each training of the search that is left, if nothing is pruned."""
        running = [
            (trial.number, fold)
            for trial in self.records
            if not trial.finished
            for fold in self.folds
            if self.training(trial.number, fold) is None
        ]
        planned = range(len(self.records), self.plan.trials)
        return running + [(trial, fold) for trial in planned for fold in self.folds]

    def training(self, trial: int, fold: int) -> Trained | None:
        """The recorded training of a trial on a fold."""
        places = (each for each in self.trainings if (each.trial, each.fold) == (trial, fold))
        return next(places, None)

    def epochs_of(self, trial: int, fold: int) -> Epochs | None:
        """The recorded epochs of a training that runs."""
        places = (each for each in self.progress if (each.trial, each.fold) == (trial, fold))
        return next(places, None)


def shown_study(database: Database, artifacts: Path) -> int | None:
    """The study that runs, else the one with the newest training; None if there is no study.

    Of several that run, it is the one with the newest training.

    Args:
        database: the database with the studies.
        artifacts: folder of the weights files.
    """
    newest = func.coalesce(func.max(TrainingRow.id), 0)
    query = (
        select(StudyRow.id, StudyRow.plan, StudyRow.finished, newest)
        .outerjoin(TrialRow, TrialRow.study_id == StudyRow.id)
        .outerjoin(TrainingRow, TrainingRow.trial_id == TrialRow.id)
        .group_by(StudyRow.id)
        .order_by(newest, StudyRow.id)
    )
    with database.session() as session:
        studies = session.execute(query).all()
    keys = [StudyPlan.from_dict(plan).of_outer_fold(0).key for _, plan, _, _ in studies]
    leased = {key: is_leased(database, artifacts, key) for key in dict.fromkeys(keys)}
    # The study of each outer fold begins after that of the previous one is finished.
    places = range(len(studies))
    chosen = max(
        places,
        key=lambda place: (
            leased[keys[place]],
            leased[keys[place]] and studies[place].finished is None,
            place,
        ),
        default=None,
    )
    return None if chosen is None else int(studies[chosen].id)


def activity_of(database: Database, artifacts: Path, number: int) -> Activity:
    """The activity of a study.

    Args:
        database: the database with the study.
        artifacts: folder of the weights files.
        number: number of the study.

    Raises:
        UsageError: there is no such study.
    """
    with database.session() as session:
        study = find_study(session, number)
        plan = StudyPlan.from_dict(study.plan)
        rows = session.scalars(
            select(TrainingRow)
            .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
            .where(TrialRow.study_id == number)
            .order_by(TrainingRow.id)
        ).all()
        clips, outer_folds = _sizes(session, study)
        numbers = {trial.id: trial.number for trial in study.trials}
        unfinished = study.finished is None
        return Activity(
            study=number,
            plan=plan,
            leased=(unfinished or _is_last(session, study))
            and is_leased(database, artifacts, plan.of_outer_fold(0).key),
            searched=_is_candidate(session, study)
            and is_leased(database, artifacts, search_key(plan.dataset_hash)),
            space=ranges_from(study.space),
            parallel=int(study.compute_settings["parallel"]),
            machine=dict(rows[-1].machine if rows else study.machine),
            outer_folds=outer_folds,
            clips=clips,
            records=tuple(trial_records(study)),
            trainings=tuple(
                Trained(
                    numbers[row.trial_id],
                    _fold(row.split.fold),
                    row.uar,
                    row.epochs,
                    row.pruned,
                    tuple(row.curve),
                )
                for row in rows
            ),
            progress=tuple(
                Epochs(trial.number, _fold(row.fold), row.epoch, row.epochs, tuple(row.curve))
                for trial in study.trials
                for row in trial.progress
                if unfinished
            ),
            seconds=sum(row.seconds for row in rows if row.split.fold != HOLDOUT),
            last_done=not unfinished,
        )


def _fold(stored: str) -> int | str:
    return stored if stored == HOLDOUT else int(stored)


def _sizes(session: Session, study: StudyRow) -> tuple[dict[int | str, int], int]:
    """The training clips of each fold of a study, and the outer folds of its protocol."""
    query = select(SplitRow.outer_fold, SplitRow.fold, func.length(SplitRow.train)).where(
        SplitRow.protocol_id == study.protocol_id
    )
    found = session.execute(query).all()
    clips = {
        _fold(fold): size // ROW_BYTES for outer, fold, size in found if outer == study.outer_fold
    }
    return clips, len({outer for outer, _, _ in found})


def _is_last(session: Session, study: StudyRow) -> bool:
    """Whether no later outer fold of the same study has begun."""
    query = select(func.max(StudyRow.outer_fold)).where(StudyRow.system_id == study.system_id)
    return study.outer_fold == session.scalar(query)


def _is_candidate(session: Session, study: StudyRow) -> bool:
    return session.scalar(select(CandidateRow.id).where(CandidateRow.key == study.key)) is not None
