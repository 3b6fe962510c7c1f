"""The lease of a study, which only one process at a time can have.

The lock is kept with the database, because two processes may run in different folders on the same
database. Both kinds of lock end when the process ends for any reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
from sqlalchemy import Engine, text

from serbench.errors import SerbenchError, StorageError
from serbench.store.database import Database, storage_errors
from serbench.store.urls import sqlite_file

LOOKING = 0.3
"""So many seconds a study waits for its lease, since `is_leased` has the lock for an instant."""


def search_key(dataset_hash: str) -> str:
    """The key of the lease of a search among candidates on a dataset."""
    return f"search-{dataset_hash}"


@contextmanager
def study_lease(database: Database, artifacts: Path, key: str) -> Iterator[None]:
    """Prevent a second process from running the same study.

    Args:
        database: database of the study.
        artifacts: folder of the weights files; beside an SQLite database (after following links)
            the folder of this name contains the lock file.
        key: key of the study.

    Raises:
        SerbenchError: another process has the lease.
        StorageError: the lock cannot be made.
    """
    if database.engine.dialect.name == "postgresql":
        lock = _advisory_lock(database, key)
    else:
        lock = _file_lock(_lock_file(database, artifacts, key), key)
    with lock:
        yield


def is_leased(database: Database, artifacts: Path, key: str) -> bool:
    """Whether a process has the lease of a study; nothing is changed.

    Args:
        database: database of the study.
        artifacts: folder of the weights files, as in `study_lease`.
        key: key of the study.

    Returns:
        also True where the lock may not be opened, so that it is not known.
    """
    if database.engine.dialect.name == "postgresql":
        number = _lock_number(key) % 2**64
        halves = {"high": number >> 32, "low": number % 2**32}
        held = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND classid = CAST(:high AS oid) AND objid = CAST(:low AS oid)"
        )
        with storage_errors(database.url), database.engine.connect() as connection:
            return bool(connection.scalar(held, halves))
    file = _lock_file(database, artifacts, key)
    if not file.exists():
        return False
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        return True
    lock.release()
    return False


def _lock_file(database: Database, artifacts: Path, key: str) -> Path:
    file = sqlite_file(database.url)
    if file is None:
        return artifacts / f"{key}.lock"
    file = file.resolve()
    return file.parent / artifacts.name / f"{file.name}-{key}.lock"


def _taken(key: str) -> SerbenchError:
    return SerbenchError(
        "this study is already running in another process: wait for it, or stop it", study=key
    )


@contextmanager
def _file_lock(path: Path, key: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        lock.acquire(timeout=LOOKING)
    except filelock.Timeout as error:
        raise _taken(key) from error
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot be written to ({error.strerror}): change its permissions or "
            "keep the database elsewhere with --db",
            path=path.parent,
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(database: Database, key: str) -> Iterator[None]:
    """PostgreSQL's advisory lock, held by a separate connection."""
    number = _lock_number(key)
    engine: Engine = database.engine
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # closed at the end; in the pool it would keep the lock
    try:
        with storage_errors(database.url):
            query = text("SELECT pg_try_advisory_lock(:number)")
            if not connection.scalar(query, {"number": number}):
                raise _taken(key)
        yield
    finally:
        connection.close()


def _lock_number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
