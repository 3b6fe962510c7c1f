"""One process at a time runs a study: the lease, kept where the database is.

A file in the current folder would not do: two drivers may run in two folders on one database.
Both kinds of lock end with the process that has them, however it ends.
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


@contextmanager
def study_lease(database: Database, artifacts: Path, key: str) -> Iterator[None]:
    """Keep a second process from running a study at the same time.

    Args:
        database: where the study is recorded.
        artifacts: folder of the weights files; a lock file goes into the folder of this name
            beside an SQLite database, wherever links to it are.
        key: of the study.

    Raises:
        SerbenchError: another process has it.
        StorageError: the lock cannot be made.
    """
    file = sqlite_file(database.url)
    if database.engine.dialect.name == "postgresql":
        lock = _advisory_lock(database, key)
    elif file is None:
        lock = _file_lock(artifacts / f"{key}.lock", key)
    else:
        file = file.resolve()
        lock = _file_lock(file.parent / artifacts.name / f"{file.name}-{key}.lock", key)
    with lock:
        yield


def _taken(key: str) -> SerbenchError:
    return SerbenchError(
        "this study is already running in another process: wait for it, or stop it", study=key
    )


@contextmanager
def _file_lock(path: Path, key: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        lock.acquire(timeout=0)
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
    """PostgreSQL's own lock, which belongs to a connection kept for nothing else."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    engine: Engine = database.engine
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # closed at the end, not kept in the pool together with its lock
    try:
        with storage_errors(database.url):
            query = text("SELECT pg_try_advisory_lock(:number)")
            if not connection.scalar(query, {"number": number}):
                raise _taken(key)
        yield
    finally:
        connection.close()
