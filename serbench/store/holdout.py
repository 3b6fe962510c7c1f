"""The tests of winners on holdouts: taken back where another one wins or a network is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import forget_file
from serbench.store.database import Database
from serbench.store.networks import has_network
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
    """Take back what an earlier winner left of its test, before another one's is recorded.

    An entry is of one network. How often its study looked at the holdout is counted, and what came
    out each time stays on record; so does what the earlier network was trained on. Its file is
    kept only where other networks began from it.

    Args:
        session: of the database.
        study: whose winner changed.
        split: id of the holdout's row.
        artifacts: folder of the weights files.
        winner: the trial that wins now.
    """
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
    for rows in (system.scores, system.tallies, system.latencies):
        rows.clear()
    for artifact in session.scalars(select(ArtifactRow).filter_by(**same)):
        children = select(ArtifactRow.id).where(ArtifactRow.parent_id == artifact.id)
        if session.scalar(children) is None:
            forget_file(artifact, artifacts)
    session.flush()
    session.expire(system, ["predictions"])


def forget_lost_holdout(database: Database, artifacts: Path, plan: StudyPlan) -> bool:
    """Take back the test of a study's winner where its network is lost.

    The winner is then trained for the holdout again: an entry has a network. What the lost one
    was trained on stays known, for its artifact stays and takes the next network's file.

    Args:
        database: where the study is.
        artifacts: folder of the weights files.
        plan: of the study, which has no entry yet.

    Returns:
        True where there was a test whose network is lost.
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
