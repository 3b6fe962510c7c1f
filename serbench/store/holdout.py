"""The tests of winners on holdouts: removed if another trial wins or a network is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import forget_file
from serbench.store.database import Database
from serbench.store.evaluations import forget_evaluations
from serbench.store.networks import has_network
from serbench.store.repetitions import forget_repetitions
from serbench.store.schema import (
    ArtifactRow,
    PredictionRow,
    StudyRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.schema_data import SplitRow


def retire_winner(
    session: Session, study: StudyRow, split: int, artifacts: Path, winner: TrialRow
) -> None:
    """Remove the test of an earlier winner before that of another winner is recorded.

    An entry has one network. The number of tests of its study on the holdout and their scores stay
    recorded, and so do the training speakers of the earlier network. Its file is only kept if other
    networks were trained from it. The repetitions of its trainings with further seeds are removed.

    Args:
        session: session of the database.
        study: the study whose winner changed.
        split: id of the row of the holdout.
        artifacts: folder of the weights files.
        winner: the trial that is the winner now.
    """
    forget_repetitions(session, study, winner)
    query = (
        select(TrainingRow)
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .where(
            TrialRow.study_id == study.id,
            TrialRow.id != winner.id,
            TrainingRow.split_id == split,
        )
    )
    earlier = list(session.scalars(query))
    for training in earlier:
        session.delete(training)
    if not earlier:
        return
    system = study.system
    same = {"system_id": system.id, "split_id": split}
    session.execute(delete(PredictionRow).filter_by(**same))
    forget_evaluations(session, system)
    for rows in (system.scores, system.tallies, system.latencies):
        rows.clear()
    for artifact in session.scalars(select(ArtifactRow).filter_by(**same)):
        children = select(ArtifactRow.id).where(ArtifactRow.parent_id == artifact.id)
        if session.scalar(children) is None:
            forget_file(artifact, artifacts)
    session.flush()
    session.expire(system, ["predictions"])


def forget_lost_holdout(database: Database, artifacts: Path, plan: StudyPlan) -> bool:
    """Remove the test of a study's winner if its network is lost.

    The winner is then trained for the holdout again, since an entry needs a network. The artifact
    of the lost network is kept, with its training speakers, and receives the next network's file.

    Args:
        database: the database with the study.
        artifacts: folder of the weights files.
        plan: plan of the study, which has no entry yet.

    Returns:
        True if there was a test whose network is lost.
    """
    with database.session() as session:
        lost = [
            training
            for training in _holdouts(session, plan)
            if not has_network(session, artifacts, training)
        ]
        for training in lost:
            session.execute(
                delete(PredictionRow).filter_by(
                    system_id=training.system_id, split_id=training.split_id
                )
            )
            session.delete(training)
            session.scalars(select(StudyRow).filter_by(key=plan.key)).one().finished = None
    return bool(lost)


def _holdouts(session: Session, plan: StudyPlan) -> Iterator[TrainingRow]:
    query = (
        select(TrainingRow)
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .join(SplitRow, SplitRow.id == TrainingRow.split_id)
        .where(StudyRow.key == plan.key, SplitRow.fold == HOLDOUT)
    )
    yield from session.scalars(query)
