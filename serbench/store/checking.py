"""Check of a database against its weights files, which the next run of their studies mends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from serbench.data.protocols import shown_fold
from serbench.errors import StorageError
from serbench.store.artifacts import is_intact
from serbench.store.database import Database
from serbench.store.lease import is_leased
from serbench.store.schema import ArtifactRow, TrainingRow, TrialRow

MISSING = "missing"
ALTERED = "other content"


@dataclass(frozen=True)
class FileFault:
    """A weights file that is missing, or whose content is not the recorded one.

    Attributes:
        file: its name in the artifacts folder.
        problem: ``missing`` or ``other content``.
        study: number of the study that trained it; None of initial weights for a study.
        trial: number of the trial, from 1.
        fold: name of the fold, from 1, or ``holdout``.
        entry: number of the entry; None if there is none.
        mended: whether its study was marked as unfinished, so that its next run trains the network
            again.
    """

    file: str
    problem: str
    study: int | None = None
    trial: int | None = None
    fold: str | None = None
    entry: int | None = None
    mended: bool = False


def check_database(database: Database) -> None:
    """Make sure that the file of an SQLite database is complete and consistent.

    Raises:
        StorageError: SQLite finds a fault in it.
    """
    if database.engine.dialect.name != "sqlite":
        return
    with database.session() as session:
        found = [str(row[0]) for row in session.execute(text("PRAGMA integrity_check"))]
        lost = session.execute(text("PRAGMA foreign_key_check")).first()
    if found != ["ok"]:
        cause = " ".join(found[0].split())
    elif lost is not None:
        cause = f"a row of {lost[0]} refers to a missing row of {lost[2]}"
    else:
        return
    raise StorageError(
        f"{database.url.removeprefix('sqlite:///')}: the file is damaged ({cause}): restore a "
        "backup with `serbench db restore`, or choose a new database with --db",
        cause=cause,
    )


def check_files(database: Database, artifacts: Path, mend: bool = False) -> list[FileFault]:
    """Compare all weights files with their recorded hashes.

    Args:
        database: the database.
        artifacts: folder of the weights files.
        mend: whether the studies of such files are marked as unfinished. Their next run then trains
            these networks again: it first removes the rows of a winner's last training, and it
            compares the logits of a fold with the recorded ones. Until then all results are kept. A
            study that runs at the moment is not changed.

    Returns:
        a fault for each file, by its row.

    Raises:
        StorageError: the database is damaged.
    """
    check_database(database)
    with database.session() as session:
        query = select(ArtifactRow).where(ArtifactRow.file.is_not(None)).order_by(ArtifactRow.id)
        faulty = [
            (artifact, MISSING if not (artifacts / str(artifact.file)).is_file() else ALTERED)
            for artifact in session.scalars(query)
            if not is_intact(artifacts / str(artifact.file), artifact.sha256)
        ]
        found = []
        for artifact, problem in faulty:
            training = _training(session, artifact)
            if training is None:
                found.append(FileFault(str(artifact.file), problem))
                continue
            study = training.trial.study
            can = mend and not is_leased(database, artifacts, study.key)
            found.append(
                FileFault(
                    file=str(artifact.file),
                    problem=problem,
                    study=study.id,
                    trial=training.trial.number + 1,
                    fold=str(shown_fold(training.split.fold)),
                    entry=study.system.number,
                    mended=can,
                )
            )
            if can:
                study.finished = None
        return found


def _training(session: Session, artifact: ArtifactRow) -> TrainingRow | None:
    """The training that an artifact was written by; None of initial weights."""
    query = (
        select(TrainingRow)
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .where(
            TrainingRow.system_id == artifact.system_id,
            TrainingRow.split_id == artifact.split_id,
        )
    )
    return session.scalars(query).first()
