"""SQLite that waits for other programs, and tells the user."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from serbench.notices import notice

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a locked database is waited for, unless its URL has ``timeout``."""

QUIET = 5.0
"""Seconds after which the user is told that somebody waits."""

PAUSE = 0.05
"""Seconds between two tries, where SQLite itself does not wait."""


class PatientConnection(sqlite3.Connection):
    """A connection on which whatever meets a lock is tried again until the time is up.

    SQLite's own waiting is silent: it is done in pieces, and after the first the user is told.

    Args:
        database: its file.
        timeout: seconds to wait in all.
        options: as ``sqlite3.connect`` takes them.
    """

    def __init__(self, database: Any, timeout: float = PATIENCE, **options: Any) -> None:
        super().__init__(database, timeout=min(timeout, QUIET), **options)
        self.patience = timeout

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that waits likewise."""
        return super().cursor(factory or _PatientCursor)

    def commit(self) -> None:
        """End the transaction; where others still read, as soon as they have read."""
        self.wait(super().commit)

    def wait(self, step: Callable[[], T]) -> T:
        """Do a step, again and again while another program has the database locked."""
        start, told = time.monotonic(), False
        while True:
            try:
                return step()
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - start
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or waited >= self.patience:
                    raise
                if waited >= QUIET and not told:
                    told = True
                    notice(
                        "the database is locked by another program: waiting for it, "
                        f"{self.patience:.0f} s at most"
                    )
                time.sleep(PAUSE)


class _PatientCursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> Any:
        """Run a statement."""
        connection = cast(PatientConnection, self.connection)
        return connection.wait(lambda: super(_PatientCursor, self).execute(*arguments))

    def executemany(self, *arguments: Any) -> Any:
        """Run a statement for many rows; the first of them takes the lock, or none is written."""
        connection = cast(PatientConnection, self.connection)
        return connection.wait(lambda: super(_PatientCursor, self).executemany(*arguments))
