"""The lease of a study, which only one process at a time can have.

The lock is kept with the database, because two processes may run in different folders on the same
database. Both kinds of lock end when the process ends for any reason: that of a server
within 30 s, by TCP keepalive, if the machine of the process has gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import filelock
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from serbench.errors import SerbenchError, StorageError
from serbench.store.database import Database
from serbench.store.failures import storage_errors
from serbench.store.urls import sqlite_file

LOOKING = 0.3
"""So many seconds a study waits for its lease, since `is_leased` has the lock for an instant."""


BEAT = 5.0
"""Seconds between two uses of the connection that has a lease."""


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
    """PostgreSQL's advisory lock, held by a separate connection.

    A thread uses the connection regularly. If the server ended, the lock has gone with it; the
    thread takes it again as soon as the server is there. Should another process have been faster,
    the lease is lost, and this process records nothing more (`require_lease`).
    """
    engine, number = database.engine, _lock_number(key)
    with storage_errors(database.url):
        connection = _locked(engine, number)
    if connection is None:
        raise _taken(key)
    ended = Event()
    keeper = Thread(target=_keep, args=(database, key, connection, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        database.lost_leases.discard(key)


def _keep(database: Database, key: str, connection: Connection | None, ended: Event) -> None:
    while not ended.wait(BEAT):
        try:
            if connection is not None:
                connection.execute(text("SELECT 1"))
                continue
            connection = _locked(database.engine, _lock_number(key))
            change = (
                database.lost_leases.add if connection is None else database.lost_leases.discard
            )
            change(key)
        except DBAPIError:
            connection = None
    if connection is not None:
        connection.close()


def require_lease(database: Database, key: str) -> None:
    """Check that no other process has taken over a study while its server was away.

    Raises:
        SerbenchError: another process runs the study.
    """
    if key in database.lost_leases:
        raise SerbenchError(
            "another process has taken over this study while the server of the database was away: "
            "wait for that process",
            study=key,
        )


def _locked(engine: Engine, number: int) -> Connection | None:
    """A connection with the lock; None if another process has it."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # closed at the end; in the pool it would keep the lock
    if connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}):
        return connection
    connection.close()
    return None


def _lock_number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
