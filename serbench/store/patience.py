"""SQLite connections that wait for locks of other programs, with a message."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from serbench.notices import notice

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds to wait for a locked database, unless its URL has ``timeout``."""

QUIET = 5.0
"""Seconds of waiting after which a message is printed."""

PAUSE = 0.05
"""Seconds between two attempts where SQLite itself does not wait."""


class PatientConnection(sqlite3.Connection):
    """A connection that repeats an operation on a locked database until a time limit.

    SQLite itself waits without a message. It therefore waits only briefly at a time here, and a
    message is printed after the first wait.

    Args:
        database: the file.
        timeout: greatest number of seconds to wait.
        options: further options of ``sqlite3.connect``.
    """

    def __init__(self, database: Any, timeout: float = PATIENCE, **options: Any) -> None:
        super().__init__(database, timeout=min(timeout, QUIET), **options)
        self.patience = timeout

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that waits in the same way."""
        return super().cursor(factory or _PatientCursor)

    def commit(self) -> None:
        """Commit the transaction, after waiting for programs that still read."""
        self.wait(super().commit)

    def wait(self, step: Callable[[], T]) -> T:
        """Run a step, and repeat it while another program has locked the database."""
        start, notified = time.monotonic(), False
        while True:
            try:
                return step()
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - start
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or waited >= self.patience:
                    raise
                if waited >= QUIET and not notified:
                    notified = True
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
        """Run a statement for many rows; the first row takes the lock, or no row is written."""
        connection = cast(PatientConnection, self.connection)
        return connection.wait(lambda: super(_PatientCursor, self).executemany(*arguments))
