"""Whole studies: their progress, the most similar study, and deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.search.plan import WITHOUT_TRAINING, StudyPlan
from serbench.store.artifacts import forget_file
from serbench.store.base import now
from serbench.store.database import Database
from serbench.store.schema import (
    ArtifactRow,
    CandidateRow,
    StudyRow,
    SystemRow,
    TallyRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.schema_data import SplitRow


@dataclass(frozen=True)
class Standing:
    """The progress of a study in one outer fold.

    Attributes:
        study: number of the study.
        trials: number of trials that have begun.
        seconds: training time of the search in seconds.
        finished: whether the budget that the study had at its last run is spent.
        entry: number of its entry, or None if it has no entry.
    """

    study: int
    trials: int
    seconds: float
    finished: bool
    entry: int | None

    def has_spent(self, plan: StudyPlan) -> bool:
        """True if nothing remains to be done within a budget."""
        time_is_up = plan.timeout is not None and self.trials > 0 and self.seconds >= plan.timeout
        return self.finished and (self.trials >= plan.trials or time_is_up)


def standings(database: Database, plan: StudyPlan) -> list[Standing]:
    """The progress of a study in each of its outer folds; empty if it has not begun.

    Args:
        database: the database with the studies.
        plan: plan of the study, with any budget.
    """
    family = select(StudyRow.system_id).where(StudyRow.key == plan.of_outer_fold(0).key)
    query = (
        select(StudyRow, SystemRow.number, SystemRow.id.in_(select(TallyRow.system_id)))
        .join(SystemRow, SystemRow.id == StudyRow.system_id)
        .where(StudyRow.system_id.in_(family))
        .order_by(StudyRow.outer_fold)
    )
    with database.session() as session:
        return [
            Standing(
                study=study.id,
                trials=len(study.trials),
                seconds=_seconds(session, study),
                finished=study.finished is not None,
                entry=number if scored else None,
            )
            for study, number, scored in session.execute(query)
        ]


def _seconds(session: Session, study: StudyRow) -> float:
    query = (
        select(func.sum(TrainingRow.seconds))
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .join(SplitRow, SplitRow.id == TrainingRow.split_id)
        .where(TrialRow.study_id == study.id, SplitRow.fold != HOLDOUT)
    )
    return session.scalar(query) or 0.0


def entry_within(found: Sequence[Standing], plan: StudyPlan) -> int | None:
    """The entry of a study with nothing left to do within a budget; None for other studies."""
    if found and all(each.has_spent(plan) for each in found):
        return found[0].entry
    return None


def nearest_study(
    database: Database, plan: StudyPlan
) -> tuple[int, dict[str, tuple[Any, Any]]] | None:
    """The study of the same backbone and dataset that differs in the fewest options.

    Args:
        database: the database with the studies.
        plan: plan of a study that has not begun.

    Returns:
        number of the study, and name of each option that differs → its value there and in the
        plan; None if there is no study of the same backbone and dataset. Where the head is fitted
        in only one of both, options of training are left out.
    """
    query = (
        select(StudyRow.id, StudyRow.plan)
        .where(StudyRow.outer_fold == plan.outer_fold, StudyRow.key != plan.key)
        .order_by(StudyRow.id.desc())
    )
    here = _compared(plan.as_dict())
    nearest: tuple[int, dict[str, tuple[Any, Any]]] | None = None
    with database.session() as session:
        for number, values in session.execute(query):
            there = _compared(values)
            if any(there[name] != here[name] for name in ("backbone", "dataset")):
                continue
            is_other_kind = (there["epochs"] == 0) != plan.is_fitted
            changed = {
                name: (there.get(name), value)
                for name, value in here.items()
                if there.get(name) != value and not (is_other_kind and name in WITHOUT_TRAINING)
            }
            if changed and (nearest is None or len(changed) < len(nearest[1])):
                nearest = number, changed
    return nearest


def _compared(values: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as options, without its budget; clip format and bounds are separate options."""
    plain = {name: value for name, value in values.items() if name not in ("trials", "timeout")}
    clips, bounds = plain.pop("clip_format"), plain.pop("bounds")
    return {
        **plain,
        **clips,
        **{f"search.{name}": interval for name, interval in bounds.items()},
    }


def find_study(session: Session, number: int) -> StudyRow:
    """The row of a study.

    Raises:
        UsageError: there is no such study; the message names the study of the entry with this
            number.
    """
    study = session.get(StudyRow, number)
    if study is not None:
        return study
    known = ", ".join(map(str, session.scalars(select(StudyRow.id).order_by(StudyRow.id))))
    meant = session.scalar(
        select(StudyRow.id)
        .join(SystemRow, SystemRow.id == StudyRow.system_id)
        .where(SystemRow.number == number, SystemRow.deleted.is_(None), StudyRow.outer_fold == 0)
    )
    hint = f" (entry {number} has study {meant})" if meant else ""
    raise UsageError(
        f"there is no study {number}{hint}: "
        + (f"choose from {known}" if known else "begin one with `serbench study run` first"),
        number=number,
    )


@dataclass(frozen=True)
class DeletableStudy:
    """A study without an entry: its number and its number of trials."""

    number: int
    trials: int


def studies_with(database: Database, number: int) -> list[DeletableStudy]:
    """A study without an entry and the studies of its other outer folds, to be deleted together.

    Raises:
        UsageError: there is no such study, or an entry depends on it.
    """
    with database.session() as session:
        system = find_study(session, number).system
        if system.number is not None:
            raise UsageError(
                f"entry {system.number} depends on study {number}: "
                f"`serbench leaderboard delete {system.number}` deletes both",
                number=number,
                entry=system.number,
            )
        query = select(StudyRow).where(StudyRow.system_id == system.id).order_by(StudyRow.id)
        return [DeletableStudy(each.id, len(each.trials)) for each in session.scalars(query)]


def delete_study(database: Database, number: int, artifacts: Path) -> None:
    """Delete a study without an entry, and the studies of its other outer folds.

    Args:
        database: the database with the study.
        number: number of the study.
        artifacts: folder of the weights files.

    Raises:
        UsageError: there is no such study, or an entry depends on it.
    """
    studies_with(database, number)
    with database.session() as session:
        delete_with_studies(session, find_study(session, number).system, artifacts)


def delete_with_studies(session: Session, system: SystemRow, artifacts: Path) -> None:
    """Delete a system with its studies, predictions, scores and weights files.

    Its row, the rows of its artifacts and the number of its tests on holdouts are kept.
    """
    studies = list(session.scalars(select(StudyRow).where(StudyRow.system_id == system.id)))
    gone = {system.id: system}
    keys = [study.key for study in studies]
    session.execute(delete(CandidateRow).where(CandidateRow.key.in_(keys)))
    for study in studies:
        for trial in study.trials:
            for training in trial.trainings:
                session.delete(training)
            gone[trial.system_id] = trial.system
            session.delete(trial)
        session.delete(study)
    session.flush()
    for each in gone.values():
        for rows in (each.predictions, each.scores, each.tallies, each.latencies):
            rows.clear()
        each.deleted = now()
    for artifact in session.scalars(select(ArtifactRow).where(ArtifactRow.system_id.in_(gone))):
        forget_file(artifact, artifacts)
