"""Copies of an SQLite database together with its weights files, and their return."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from serbench.errors import StorageError, UsageError
from serbench.store.artifacts import is_intact, sync_folder
from serbench.store.checking import check_database
from serbench.store.database import Database
from serbench.store.failures import storage_errors
from serbench.store.schema import ArtifactRow
from serbench.store.urls import shown_url, sqlite_file

DATABASE = "serbench.db"
ARTIFACTS = "serbench-artifacts"
"""Names in a backup, which is therefore a database that any command takes with ``--db``."""

TAR = ".tar"

ATTEMPTS = 10
"""Number of copies of the database, since a study may delete weights files in the meantime."""


@dataclass(frozen=True)
class Copied:
    """What was copied.

    Attributes:
        path: the backup, or the restored database.
        files: number of weights files.
        bytes: size of the database and of these files.
        lost: names of recorded files that are missing or have other content, and are not copied.
    """

    path: str
    files: int
    bytes: int
    lost: tuple[str, ...]


def back_up(database: Database, artifacts: Path, target: Path) -> Copied:
    """Copy a database and its weights files into a folder, or a tar file if it is named so.

    Studies may run meanwhile: the copy has the database as it was at one moment, and the weights
    files of that moment.

    Args:
        database: an SQLite database in a file.
        artifacts: folder of its weights files.
        target: the new folder or tar file.

    Raises:
        UsageError: the target exists, or the database is not a file of SQLite.
        StorageError: something cannot be read or written, or the database is damaged.
    """
    if target.exists():
        raise UsageError(f"{target} exists already: give another name", path=target)
    if sqlite_file(database.url) is None or database.engine.dialect.name != "sqlite":
        raise UsageError(
            f"{shown_url(database.url)} is no SQLite file: make backups of it with the tools of "
            f"its server, such as pg_dump, and of the folder {artifacts}",
            url=shown_url(database.url),
        )
    check_database(database)
    with _writing(target) as draft:
        lost = _copy_all(database, artifacts, draft)
        files = list((draft / ARTIFACTS).iterdir())
        size = sum(path.stat().st_size for path in [draft / DATABASE, *files])
        _finish(draft, target)
    return Copied(str(target), len(files), size, lost)


def _copy_all(database: Database, artifacts: Path, draft: Path) -> tuple[str, ...]:
    """Copy the database and its files; returns the names of recorded files that are lost."""
    (draft / ARTIFACTS).mkdir(parents=True)
    before: set[str] | None = None
    for _ in range(ATTEMPTS):
        _snapshot(database, draft / DATABASE)
        lost = set()
        recorded = _recorded(draft / DATABASE)
        for name, sha256 in recorded.items():
            if not _copy(artifacts / name, draft / ARTIFACTS / name, sha256):
                lost.add(name)
        if not lost or lost == before:
            break  # a file that two copies of the database name was not deleted in between
        before = lost
    for path in (draft / ARTIFACTS).iterdir():
        if path.name not in recorded or path.name in lost:
            path.unlink()
    return tuple(sorted(lost))


def _snapshot(database: Database, target: Path) -> None:
    """Write the content of a database at this moment to a file."""
    source = sqlite_file(database.url)
    with storage_errors(database.url):
        connection = database.engine.raw_connection()
        try:
            with closing(sqlite3.connect(target)) as copy:
                connection.driver_connection.backup(copy)  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise StorageError(
                f"{source} cannot be copied to {target.parent} ({error}): free some space there",
                path=target,
            ) from error
        finally:
            connection.close()
    _sync(target)


@contextmanager
def frozen(database: Database) -> Iterator[Database]:
    """A database as it is at this moment, although studies may write to it meanwhile."""
    if sqlite_file(database.url) is None or database.engine.dialect.name != "sqlite":
        yield database
        return
    with tempfile.TemporaryDirectory(prefix="serbench-") as name:
        _snapshot(database, Path(name) / DATABASE)
        copy = Database(f"sqlite:///{Path(name) / DATABASE}", create=False)
        try:
            yield copy
        finally:
            copy.engine.dispose()


def _recorded(file: Path) -> dict[str, str]:
    """Name → hash of each weights file of a database."""
    database = Database(f"sqlite:///{file}", create=False)
    try:
        with database.session() as session:
            query = select(ArtifactRow).where(ArtifactRow.file.is_not(None))
            return {str(row.file): row.sha256 for row in session.scalars(query)}
    finally:
        database.engine.dispose()


def _copy(source: Path, target: Path, sha256: str) -> bool:
    """Copy a file unless that was done before; False where it has not the recorded content."""
    if is_intact(target, sha256):
        return True
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        return False
    _sync(target)
    return is_intact(target, sha256)


def restore(source: Path, database: Database, artifacts: Path) -> Copied:
    """Make a database and its weights files from a backup.

    Args:
        source: a folder or tar file of `back_up`.
        database: an SQLite database in a file that does not exist yet.
        artifacts: folder of its weights files.

    Raises:
        UsageError: the source is no backup, or the database exists already.
        StorageError: something cannot be read or written, or the backup is damaged.
    """
    file = sqlite_file(database.url)
    if file is None:
        raise UsageError(
            f"{shown_url(database.url)} is no SQLite file: name a new file with --db",
            url=shown_url(database.url),
        )
    if file.exists():
        raise UsageError(
            f"{file} exists already: name a new file with --db, or add the backup to it with "
            "`serbench db merge`",
            path=file,
        )
    with opened_backup(source) as folder:
        held = Database(f"sqlite:///{folder / DATABASE}", create=False)
        try:
            check_database(held)
        finally:
            held.engine.dispose()
        recorded = _recorded(folder / DATABASE)
        with _writing(file) as draft:
            artifacts.mkdir(parents=True, exist_ok=True)
            lost = [
                name
                for name, sha256 in recorded.items()
                if not _copy(folder / ARTIFACTS / name, artifacts / name, sha256)
            ]
            sync_folder(artifacts)
            shutil.copyfile(folder / DATABASE, draft)
            _sync(draft)
            # The journal of a deleted database would be written into the new one.
            for ending in ("-journal", "-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
            size = draft.stat().st_size
            draft.replace(file)
            sync_folder(file.parent)
    copied = [artifacts / name for name in recorded if name not in lost]
    size += sum(path.stat().st_size for path in copied)
    return Copied(str(file), len(copied), size, tuple(sorted(lost)))


@contextmanager
def opened_backup(source: Path) -> Iterator[Path]:
    """A backup as a folder.

    Raises:
        UsageError: it is no backup.
    """
    with tempfile.TemporaryDirectory(prefix="serbench-") as name:
        folder = source
        if source.is_file():
            folder = Path(name)
            _unpack(source, folder)
        if not (folder / DATABASE).is_file():
            raise UsageError(
                f"{source} is no backup: give a folder or a tar file that `serbench db backup` "
                "wrote",
                path=source,
            )
        yield folder


def _unpack(source: Path, folder: Path) -> None:
    """Unpack the regular files of a backup, and nothing that has another name."""
    (folder / ARTIFACTS).mkdir()
    try:
        with tarfile.open(source, "r:") as tar:
            for member in tar:
                path = Path(member.name)
                if member.isreg() and member.name in (DATABASE, f"{ARTIFACTS}/{path.name}"):
                    content = tar.extractfile(member)
                    assert content is not None
                    with content, (folder / path).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError) as error:
        raise UsageError(
            f"{source} is no backup ({error}): give a folder or a tar file that "
            "`serbench db backup` wrote",
            path=source,
        ) from error


@contextmanager
def _writing(target: Path) -> Iterator[Path]:
    """A draft beside the target, which is removed afterwards if it is still there.

    Raises:
        StorageError: something cannot be written.
    """
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield draft
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written ({error.strerror}): free some space there, or give a path "
            "in another folder",
            path=target,
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _finish(draft: Path, target: Path) -> None:
    """Give a complete draft its name."""
    if target.suffix != TAR:
        sync_folder(draft / ARTIFACTS)
        sync_folder(draft)
        draft.rename(target)
    else:
        packed = draft / target.name
        with tarfile.open(packed, "w") as tar:
            tar.add(draft / DATABASE, DATABASE)
            tar.add(draft / ARTIFACTS, ARTIFACTS)
        _sync(packed)
        packed.replace(target)
    sync_folder(target.parent)


def _sync(path: Path) -> None:
    """Write a file's content to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
