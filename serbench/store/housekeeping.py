"""Deleting and renaming of datasets; content and size of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import time

from sqlalchemy import ColumnElement, delete, false, func, select, text
from sqlalchemy.orm import Session

from serbench.data.names import check_name
from serbench.data.preparation import forget_clips
from serbench.errors import UsageError
from serbench.store.artifacts import forget_file
from serbench.store.base import Base, now
from serbench.store.database import Database, schema_fingerprint
from serbench.store.datasets import find_dataset
from serbench.store.evaluations import forget_tests_on
from serbench.store.failures import storage_errors
from serbench.store.schema import ArtifactRow, PredictionRow, StudyRow, SystemRow
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow
from serbench.store.urls import shown_url, sqlite_file

SETTLED = timedelta(days=1)
"""Age from which a file that no row needs is not needed by a command that runs now either."""


def delete_dataset(database: Database, name: str, clips: Path) -> None:
    """Delete all versions of a dataset, and its prepared clips, but not its recordings.

    The training speakers of deleted entries and the number of tests on its holdouts stay recorded:
    if there are any, the rows of the dataset are kept and no longer listed.

    Args:
        database: the database with the dataset.
        name: name of the dataset.
        clips: folder of prepared clips.

    Raises:
        UnknownNameError: there is no such dataset.
        UsageError: studies or entries depend on it.
    """
    check_free(database, name)
    audio: dict[str, list[str]] = {}
    with database.session() as session:
        for row in _versions(session, name):
            audio[row.hash] = [utterance.audio_hash for utterance in row.utterances]
            protocols = select(ProtocolRow.id).where(ProtocolRow.dataset_id == row.id)
            # The row of a system is never deleted, nor are the rows of its networks and tests.
            if _any(session, SystemRow, SystemRow.protocol_id.in_(protocols)):
                row.name, row.deleted = f"{name} (deleted {row.id})", now()
                continue
            forget_tests_on(session, session.scalars(protocols).all())
            session.execute(delete(SplitRow).where(SplitRow.protocol_id.in_(protocols)))
            session.execute(delete(ProtocolRow).where(ProtocolRow.dataset_id == row.id))
            session.delete(row)
        session.flush()
        query = select(DatasetRow.hash).where(DatasetRow.deleted.is_(None))
        kept = set(session.scalars(query))
    for content, hashes in audio.items():
        if content not in kept:
            forget_clips(clips, hashes)


def check_writable(database: Database) -> None:
    """Make sure that a database can be opened and written to; nothing is changed.

    Raises:
        StorageError: it cannot, for example since its file is read-only.
    """
    with database.session() as session:
        session.execute(delete(StudyRow).where(false()))
        session.rollback()


def check_free(database: Database, name: str) -> None:
    """Make sure that nothing depends on a dataset.

    Raises:
        UnknownNameError: there is no such dataset.
        UsageError: studies or entries depend on it; the message names them.
    """
    with database.session() as session:
        find_dataset(session, name)
        datasets = [row.id for row in _versions(session, name)]
        protocols = select(ProtocolRow.id).where(ProtocolRow.dataset_id.in_(datasets))
        entries = list(
            session.scalars(
                select(SystemRow.number)
                .where(
                    SystemRow.protocol_id.in_(protocols),
                    SystemRow.number.is_not(None),
                    SystemRow.deleted.is_(None),
                )
                .order_by(SystemRow.number)
            )
        )
        unranked = select(SystemRow.id).where(SystemRow.number.is_(None))
        studies = list(
            session.scalars(
                select(StudyRow.id)
                .where(StudyRow.protocol_id.in_(protocols), StudyRow.system_id.in_(unranked))
                .order_by(StudyRow.id)
            )
        )
    needed = [f"entry {number}" for number in entries] + [f"study {number}" for number in studies]
    if needed:
        raise UsageError(
            f"dataset '{name}' is used by {', '.join(needed)}: delete these first with "
            "`serbench leaderboard delete` and `serbench study delete`",
            dataset=name,
            entries=tuple(entries),
            studies=tuple(studies),
        )


def rename_dataset(database: Database, name: str, new: str) -> None:
    """Give all versions of a dataset another name; studies and entries are unchanged.

    Args:
        database: the database with the dataset.
        name: its present name.
        new: its new name.

    Raises:
        UnknownNameError: there is no such dataset.
        UsageError: another dataset has the new name, or the new name is not allowed.
    """
    check_name("dataset", new)
    with database.session() as session:
        find_dataset(session, name)
        if _versions(session, new):
            raise UsageError(
                f"there is a dataset '{new}' already: choose another name", dataset=new
            )
        for row in _versions(session, name):
            row.name, row.account = new, {**row.account, "name": new}
            protocols = select(ProtocolRow.id).where(ProtocolRow.dataset_id == row.id)
            for study in session.scalars(
                select(StudyRow).where(StudyRow.protocol_id.in_(protocols))
            ):
                study.plan = {**study.plan, "dataset": new}


def _versions(session: Session, name: str) -> Sequence[DatasetRow]:
    return session.scalars(select(DatasetRow).where(DatasetRow.name == name)).all()


def _any(session: Session, table: type[Base], condition: ColumnElement[bool]) -> bool:
    return session.scalar(select(func.count()).select_from(table).where(condition)) != 0


@dataclass(frozen=True)
class DatabaseInfo:
    """The content of a database.

    Attributes:
        database: its file, or its URL without secrets.
        backend: its backend, such as ``sqlite``.
        bytes: its size, or None if it is unknown.
        schema: fingerprint of its schema.
        datasets: number of datasets.
        studies: number of studies, one for each outer fold.
        entries: number of entries of the leaderboard.
        predictions: number of sets of logits.
        artifacts: number of recorded weights files that exist.
        artifact_bytes: size of these files.
        lost_artifacts: number of recorded weights files that are missing.
    """

    database: str
    backend: str
    bytes: int | None
    schema: str
    datasets: int
    studies: int
    entries: int
    predictions: int
    artifacts: int
    artifact_bytes: int
    lost_artifacts: int


def database_info(database: Database, artifacts: Path) -> DatabaseInfo:
    """The content and the size of a database.

    Args:
        database: an existing database.
        artifacts: folder of the weights files.
    """
    ranked = SystemRow.number.is_not(None) & SystemRow.deleted.is_(None)
    with database.session() as session:
        files = session.scalars(select(ArtifactRow.file).where(ArtifactRow.file.is_not(None)))
        paths = [artifacts / str(file) for file in files]
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        names = select(DatasetRow.name).where(DatasetRow.deleted.is_(None)).distinct()
        counts = {
            "datasets": select(func.count()).select_from(names.subquery()),
            "studies": select(func.count()).select_from(StudyRow),
            "entries": select(func.count()).select_from(SystemRow).where(ranked),
            "predictions": select(func.count()).select_from(PredictionRow),
        }
        return DatabaseInfo(
            database=shown_url(database.url),
            backend=database.engine.dialect.name,
            bytes=_size(database, session),
            schema=schema_fingerprint(),
            **{name: session.scalar(query) or 0 for name, query in counts.items()},
            artifacts=len(sizes),
            artifact_bytes=sum(sizes),
            lost_artifacts=len(paths) - len(sizes),
        )


def _size(database: Database, session: Session) -> int | None:
    file = sqlite_file(database.url)
    if file is not None:
        return file.stat().st_size
    if database.engine.dialect.name == "postgresql":
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    return None


def remove_unneeded_files(database: Database, artifacts: Path) -> int:
    """Delete weights files that nothing needs; returns their size in bytes.

    These are initial weights without a head that were made for a study (``--weights entry:N``) of
    which no row is left, and drafts of interrupted writes. Files that are younger than ``SETTLED``
    are kept, because a study that is about to begin may need them. Files without a row are kept
    too, because another database may use the same folder. The rows are kept, with their lineage.

    Args:
        database: the database.
        artifacts: folder of the weights files.
    """
    freed = 0
    for draft in artifacts.glob("*.safetensors.part"):
        if draft.stat().st_mtime < time() - SETTLED.total_seconds():
            freed += draft.stat().st_size
            draft.unlink()
    with database.session() as session:
        needed = [str(plan["weights"]) for plan in session.scalars(select(StudyRow.plan))]
        begun = select(ArtifactRow.parent_id).where(
            ArtifactRow.parent_id.is_not(None), ArtifactRow.file.is_not(None)
        )
        query = select(ArtifactRow).where(
            ArtifactRow.system_id.is_(None),
            ArtifactRow.file.is_not(None),
            ArtifactRow.created < now() - SETTLED,
            ArtifactRow.id.not_in(begun),
        )
        for artifact in session.scalars(query):
            path = artifacts / str(artifact.file)
            if not any(path.stem in weights for weights in needed):
                freed += path.stat().st_size if path.is_file() else 0
                forget_file(artifact, artifacts)
    return freed


def vacuum(database: Database) -> None:
    """Free the disk space of deleted rows."""
    with storage_errors(database.url):
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection:
            connection.execute(text("VACUUM"))
