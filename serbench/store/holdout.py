"""What was tested on holdouts: how often each was looked at, and by which winner of a study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    LookRow,
    PredictionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow


@dataclass(frozen=True)
class Look:
    """A test of one network on a holdout.

    Attributes:
        trial: number of the trial that had won by then, from 0; None of an import.
        outer_fold: of the protocol, from 0.
        uar: unweighted average recall on that holdout.
        looked: when, in ISO 8601.
    """

    trial: int | None
    outer_fold: int
    uar: float
    looked: str


@dataclass(frozen=True)
class LookCounts:
    """How often networks were tested on a holdout; of several outer folds the largest number.

    Attributes:
        own: tests by the study of one system.
        total: tests by all studies and imports on the same clips of the same dataset, also those
            that were deleted since.
    """

    own: int
    total: int


ONCE = LookCounts(1, 1)


def count_look(session: Session, system: int, split: int, trial: int | None, uar: float) -> None:
    """Count a test on a holdout; the same network's, tested again since it was lost, is no other.

    Args:
        session: of the database.
        system: id of the system that was tested.
        split: id of the holdout's row.
        trial: number of the trial that the network is of; None of an import.
        uar: what came out.
    """
    same = {"system_id": system, "split_id": split, "trial": trial}
    if session.scalar(select(LookRow).filter_by(**same)) is None:
        session.add(LookRow(**same, uar=uar))


def looks_of(session: Session, system: SystemRow) -> list[Look]:
    """All tests of a system on its holdouts, oldest first."""
    query = (
        select(LookRow, SplitRow.outer_fold)
        .join(SplitRow, SplitRow.id == LookRow.split_id)
        .where(LookRow.system_id == system.id)
        .order_by(LookRow.id)
    )
    return [
        Look(row.trial, outer_fold, row.uar, row.looked.isoformat(timespec="seconds"))
        for row, outer_fold in session.execute(query)
    ]


def count_looks(session: Session) -> dict[int, LookCounts]:
    """Id of each system that was tested on a holdout → how often.

    Two holdouts are one where they have the same clips of datasets with the same content, whatever
    the protocols and the datasets are called.
    """
    query = (
        select(LookRow.system_id, LookRow.split_id, DatasetRow.hash, SplitRow.test)
        .join(SplitRow, SplitRow.id == LookRow.split_id)
        .join(ProtocolRow, ProtocolRow.id == SplitRow.protocol_id)
        .join(DatasetRow, DatasetRow.id == ProtocolRow.dataset_id)
    )
    own: dict[tuple[int, int], int] = {}
    total: dict[tuple[str, bytes], int] = {}
    clips = {}
    for system, split, dataset, test in session.execute(query):
        own[system, split] = own.get((system, split), 0) + 1
        total[dataset, test] = total.get((dataset, test), 0) + 1
        clips[system, split] = dataset, test
    found: dict[int, LookCounts] = {}
    for (system, split), count in own.items():
        before = found.get(system, LookCounts(0, 0))
        most = max(before.total, total[clips[system, split]])
        found[system] = LookCounts(max(before.own, count), most)
    return found


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
