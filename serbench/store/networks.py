"""The networks of studies: recorded with their file, found missing, brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import is_intact, write_arrays
from serbench.store.database import Database
from serbench.store.schema import ArtifactRow, PredictionRow, StudyRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow


def network_of(session: Session, system: int, split: int) -> ArtifactRow | None:
    """The artifact of a system's network that was trained on a split, or None."""
    return session.scalar(select(ArtifactRow).filter_by(system_id=system, split_id=split))


def restore_network(
    database: Database,
    artifacts: Path,
    system: int,
    split: int,
    state: Mapping[str, npt.NDArray[np.generic]],
) -> bool:
    """Save a network that was trained again, where its file is missing or is another's.

    Args:
        database: where its artifact is.
        artifacts: folder of the weights files.
        system: whose network it is.
        split: that it was trained on.
        state: its arrays by name, as a training of that system on that split gives them.

    Returns:
        True where the file was written.

    Raises:
        StorageError: the folder cannot be written to.
    """
    with database.session() as session:
        artifact = network_of(session, system, split)
        if artifact is None or artifact.file is None:  # its training kept no network
            return False
        path = artifacts / artifact.file
        if is_intact(path, artifact.sha256):
            return False
        artifact.sha256 = write_arrays(state, path)
        return True


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
            if not _has_network(session, artifacts, training)
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


def _has_network(session: Session, artifacts: Path, training: TrainingRow) -> bool:
    found = network_of(session, training.system_id, training.split_id)
    if found is None or found.file is None:
        return False
    return is_intact(artifacts / found.file, found.sha256)
