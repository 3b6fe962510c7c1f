"""Errors of database drivers: each becomes one line with its remedy, or another attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from serbench.data.names import printable
from serbench.errors import ConflictError, DisconnectedError, StorageError, UsageError
from serbench.notices import notice
from serbench.store.patience import PATIENCE
from serbench.store.urls import shown_url, without_secrets

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LOST = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006"})
"""Codes of PostgreSQL where a server ends, starts, or cannot be reached."""

CONFLICTS = frozenset(
    {
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "23505",  # PostgreSQL: unique_violation
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
    }
)
"""Error codes for a write that conflicts with one of another process."""

REMEDIES = {
    "SQLITE_BUSY": "another program has locked it: end that program, or wait until it ends",
    "SQLITE_READONLY": "it may not be written to: change its permissions or use --db",
    "SQLITE_CANTOPEN": "its folder does not exist or may not be written to",
    "SQLITE_PERM": "its permissions do not allow this: change them or use --db",
    "SQLITE_FULL": "its disk is full: free some space",
    "SQLITE_NOTADB": "choose another file with --db",
    "SQLITE_CORRUPT": "the file is damaged: restore a copy of it, or choose a new one with --db",
    "SQLITE_IOERR": "its disk reports an error: check the disk",
    "25006": "it may not be written to: choose another user or database with --db",
    "53100": "the server's disk is full: free some space",
}
"""Error name of SQLite (up to a second underscore) or PostgreSQL → cause and remedy."""


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Replace errors of a database driver by errors with one line that names the remedy.

    Raises:
        ConflictError: another process wrote the same at the same moment.
        DisconnectedError: the server of the database ended, or cannot be reached.
        StorageError: locked, read-only, full, damaged, not a database, or otherwise failing.
        UsageError: a text is not UTF-8, or a number is too large.
    """
    try:
        yield
    except DBAPIError as error:
        name = shown_url(url)
        cause = without_secrets(" ".join(str(error.orig).split("\n", 1)[0].split()), url)
        code = _code(error)
        facts = {"url": name, "cause": cause, "code": code}
        if code in CONFLICTS:
            raise ConflictError(
                f"{name}: another process has just recorded the same ({cause}): run the same "
                "command again",
                **facts,
            ) from error
        if error.connection_invalidated or code in LOST or _is_unreachable(error):
            raise DisconnectedError(
                f"{name}: the database cannot be reached: {cause}: start its server, then run the "
                "same command again",
                **facts,
            ) from error
        remedy = REMEDIES.get("_".join(code.split("_")[:2]))
        if remedy is not None:
            raise StorageError(f"{name}: {cause}: {remedy}", **facts) from error
        raise StorageError(f"{name}: the database refuses: {cause}", **facts) from error
    except UnicodeEncodeError as error:
        raise UsageError(
            f"'{printable(str(error.object))}' is not UTF-8 and cannot be recorded or looked up: "
            "rename it"
        ) from error
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise UsageError("a number is too large for the database: give a smaller one") from error


def _code(error: DBAPIError) -> str:
    """The name or number of a driver's error; "" where it has none."""
    of_sqlite: str | None = getattr(error.orig, "sqlite_errorname", None)
    of_postgresql: str | None = getattr(error.orig, "sqlstate", None)
    return of_sqlite or of_postgresql or ""


def _is_unreachable(error: DBAPIError) -> bool:
    """Whether a driver of a server could not connect: then it has no code of the server."""
    of_server = not hasattr(error.orig, "sqlite_errorname")
    return of_server and isinstance(error, OperationalError) and not _code(error)


TRIES = 3
"""Number of attempts of a write that conflicts with those of other processes."""

PAUSE = 0.5
"""Seconds between two attempts to reach a server."""


def again_on_conflict(write: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Repeat a write that conflicts with one of another process, or whose server ended.

    A server may be away for a minute, as where it is restarted; a message is printed.

    Args:
        write: opens its own session, looks there for existing rows, and has no other effects.
    """

    @wraps(write)
    def tried(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        conflicts, away = 0, None
        while True:
            try:
                return write(*arguments, **options)
            except ConflictError:
                conflicts += 1
                if conflicts == TRIES:
                    raise
            except DisconnectedError as error:
                if away is None:
                    away = time.monotonic()
                    notice(f"{error}; waiting for it, {PATIENCE:.0f} s at most")
                if time.monotonic() - away >= PATIENCE:
                    raise
                time.sleep(PAUSE)

    return tried
