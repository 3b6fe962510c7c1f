"""The networks of studies: their files are recorded, checked, and saved again if missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.execute.job import Outcome
from serbench.model.recipe import Parameter
from serbench.search.events import COMPLETE, RUNNING
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import forget_file, is_intact, write_arrays
from serbench.store.database import Database
from serbench.store.lineage import artifact_of_weights
from serbench.store.predictions import EAGER
from serbench.store.schema import ArtifactRow, PredictionRow, StudyRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow


def network_of(session: Session, system: int, split: int) -> ArtifactRow | None:
    """The latest artifact of a system's network that was trained on a split, or None."""
    query = select(ArtifactRow).filter_by(system_id=system, split_id=split)
    return session.scalars(query.order_by(ArtifactRow.id.desc())).first()


def restore_network(
    database: Database,
    artifacts: Path,
    system: int,
    split: int,
    state: Mapping[str, npt.NDArray[np.generic]],
) -> bool:
    """Save a network that was trained again, if its file is missing or has other content.

    Args:
        database: the database with its artifact.
        artifacts: folder of the weights files.
        system: id of the system that the network belongs to.
        split: id of the split that it was trained on.
        state: its arrays by name, from a training of this system on this split.

    Returns:
        True if the file was written.

    Raises:
        StorageError: the folder cannot be written to.
    """
    with database.session() as session:
        artifact = network_of(session, system, split)
        if artifact is None or artifact.file is None:  # its training did not store a network
            return False
        path = artifacts / artifact.file
        if is_intact(path, artifact.sha256):
            return False
        artifact.sha256 = write_arrays(state, path)
        return True


@dataclass(frozen=True)
class LostFold:
    """A training of a study's winner on a fold of the search, whose network is missing.

    Attributes:
        trial: number of the trial, from 0.
        fold: number of the fold, from 0.
        parameters: parameters of the configuration.
        seed: seed of the training.
        system: id of the system that the network belongs to.
        split: id of the split that it was trained on.
        logits: recorded logits of the network, float32, little-endian.
    """

    trial: int
    fold: int
    parameters: dict[str, Parameter]
    seed: int
    system: int
    split: int
    logits: bytes


def lost_folds(database: Database, artifacts: Path, plan: StudyPlan) -> list[LostFold]:
    """The winner's trainings on the folds of the search whose networks are missing.

    Args:
        database: the database with the study.
        artifacts: folder of the weights files.
        plan: plan of a study whose winner was tested on the holdout.
    """
    tested = (
        select(TrainingRow.trial_id)
        .join(SplitRow, SplitRow.id == TrainingRow.split_id)
        .where(SplitRow.fold == HOLDOUT)
    )
    query = (
        select(TrialRow, TrainingRow, PredictionRow.logits)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .join(TrainingRow, TrainingRow.trial_id == TrialRow.id)
        .join(
            PredictionRow,
            (PredictionRow.system_id == TrainingRow.system_id)
            & (PredictionRow.split_id == TrainingRow.split_id)
            & (PredictionRow.runtime == EAGER),
        )
        .where(StudyRow.key == plan.key, TrialRow.id.in_(tested))
        .order_by(TrainingRow.id)
    )
    with database.session() as session:
        return [
            LostFold(
                trial=trial.number,
                fold=int(training.split.fold),
                parameters=dict(trial.parameters),
                seed=training.seed,
                system=training.system_id,
                split=training.split_id,
                logits=logits,
            )
            for trial, training, logits in session.execute(query)
            if training.split.fold != HOLDOUT and not has_network(session, artifacts, training)
        ]


def network_file(plan: StudyPlan, trial: int, fold: int | str) -> str:
    """Name of a network's file in the artifacts folder, in which numbers begin with 1."""
    if fold == HOLDOUT:
        return f"{plan.key}-winner-{trial + 1}.safetensors"
    return f"{plan.key}-trial-{trial + 1}-fold-{int(fold) + 1}.safetensors"


def record_network(
    session: Session, plan: StudyPlan, outcome: Outcome, system: int, split: int, sha256: str
) -> None:
    """Record a network whose file was written; it takes the row of a lost network that it replaces.

    Args:
        session: session of the database.
        plan: plan of the study.
        outcome: outcome of the training.
        system: id of the system that the network belongs to.
        split: id of the split that it was trained on.
        sha256: hash of the file.
    """
    file = network_file(plan, outcome.trial, outcome.fold)
    artifact = network_of(session, system, split)
    if artifact is None or artifact.file != file:
        artifact = ArtifactRow(
            file=file,
            part="head" if outcome.partial else "network",
            backbone=plan.backbone,
            began_from=outcome.weights,
            system_id=system,
            split_id=split,
            parent=artifact_of_weights(session, plan.weights),
        )
    artifact.sha256 = sha256
    session.add(artifact)


def has_network(session: Session, artifacts: Path, training: TrainingRow) -> bool:
    """True if the file of a training's network exists with its recorded content."""
    found = network_of(session, training.system_id, training.split_id)
    if found is None or found.file is None:
        return False
    return is_intact(artifacts / found.file, found.sha256)


def drop_beaten(session: Session, study: StudyRow, artifacts: Path) -> None:
    """Delete the fold networks of all trials except the best one and running ones."""
    complete = [trial for trial in study.trials if trial.state == COMPLETE]
    kept = {trial.system_id for trial in study.trials if trial.state == RUNNING}
    if complete:
        kept.add(max(complete, key=lambda trial: trial.mean_uar or 0.0).system_id)
    beaten = {trial.system_id for trial in study.trials} - kept
    for artifact in session.scalars(select(ArtifactRow).where(ArtifactRow.system_id.in_(beaten))):
        forget_file(artifact, artifacts)
        session.delete(artifact)  # only networks of entries can begin a training
