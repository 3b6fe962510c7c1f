"""The connection to the database: its schema, and its errors with their remedies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session

from serbench.errors import StorageError
from serbench.store import schema  # noqa: F401 - declares the tables
from serbench.store.base import Base
from serbench.store.failures import storage_errors
from serbench.store.patience import PATIENCE, PatientConnection
from serbench.store.urls import shown_url, sqlite_file, without_secrets

MARK_TABLE = "serbench_schema"
"""The table with the fingerprint of the schema with which a database was created."""

ALIVE = {
    "connect_args": {
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 "
        "-c tcp_keepalives_count=3",
    }
}
"""Options of a connection to PostgreSQL: both sides notice within 30 s that the other is gone."""

ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7372)"}
"""Statements that let only one process at a time create the tables."""


BEGIN = "name another database with --db, or make one: `serbench corpus scan FOLDER --dataset NAME`"
"""What to type where there is no database."""

VALID_JSON = partial(json.dumps, allow_nan=False)
"""Options of writing JSON to a column; NaN is an error."""


class Database:
    """A database URL, connected at its first use.

    Args:
        url: as SQLAlchemy takes it.
        create: whether the database is made where it is not there yet.

    Raises:
        StorageError: from any use, where the database reports an error.
    """

    def __init__(self, url: str, create: bool = True) -> None:
        self.url = url
        self.create = create
        self.lost_leases: set[str] = set()

    @cached_property
    def engine(self) -> Engine:
        """The connection pool."""
        engine = open_database(self.url, self.create)
        self._file = file_identity(self.url)
        return engine

    def close(self) -> None:
        """Close the connections; the next use makes others."""
        if "engine" in self.__dict__:
            self.engine.dispose()

    @property
    def exists(self) -> bool:
        """False where it is a file that is not there."""
        file = sqlite_file(self.url)
        return file is None or file.exists()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error."""
        with storage_errors(self.url), Session(self.engine) as session, session.begin():
            self._check_file()
            yield session

    def _check_file(self) -> None:
        """Make sure that rows are not written to a file that was deleted or replaced meanwhile.

        SQLite itself goes on with the old file, which nobody can open again.
        """
        if self._file is not None and file_identity(self.url) != self._file:
            file = sqlite_file(self.url)
            raise StorageError(
                f"{file} was deleted or replaced while this command used it: nothing more is "
                "recorded; put it back, such as from a backup, and run the same command again",
                path=file,
            )


def file_identity(url: str) -> tuple[int, int] | None:
    """What distinguishes the file of an SQLite database from later ones of the same name.

    Returns:
        device and inode; None where there is no such file, or the database is not in a file.
    """
    file = sqlite_file(url)
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def schema_fingerprint() -> str:
    """Identifies the present schema: tables, columns, types, keys."""
    parts = [
        f"{table.name}.{column.name} {column.type!r} {column.nullable} {column.primary_key} "
        f"{sorted(key.target_fullname for key in column.foreign_keys)}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def open_database(url: str, create: bool = True) -> Engine:
    """Connect to ``url``; an empty database gets its tables.

    Until the first release there is one schema, which is edited in place.

    Args:
        url: as SQLAlchemy takes it.
        create: whether a database is made where there is none.

    Raises:
        StorageError: the database cannot be opened, or has another schema; or there is none and
            none is to be made.
    """
    file = sqlite_file(url)
    if not create and file is not None and not file.exists():
        raise StorageError(f"{file}: no such file; {BEGIN}", path=file)
    with storage_errors(url):
        try:
            engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
            raise StorageError(
                f"'{shown_url(url)}' cannot be used as a database "
                f"({without_secrets(str(error), url)}): give a file name or an SQLAlchemy URL; "
                "PostgreSQL needs `pip install 'psycopg[binary]'`",
                url=shown_url(url),
            ) from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _enforce_foreign_keys)
        mark = _mark(engine)
        if mark is None and not create:
            raise StorageError(
                f"{shown_url(url)} holds nothing of serbench; {BEGIN}", url=shown_url(url)
            )
        if mark is None:
            mark = _create(engine)
        if mark != schema_fingerprint():
            raise StorageError(
                f"{shown_url(url)} was made by another version of serbench: choose a new database "
                "with --db",
                url=shown_url(url),
            )
    return engine


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(url, json_serializer=VALID_JSON, pool_pre_ping=True, **ALIVE)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, json_serializer=VALID_JSON, pool_pre_ping=True)
    waiting = {} if "timeout" in parsed.query else {"timeout": PATIENCE}
    return create_engine(
        url, json_serializer=VALID_JSON, connect_args={"factory": PatientConnection, **waiting}
    )


def _enforce_foreign_keys(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _mark(engine: Engine) -> str | None:
    """The fingerprint of a database, "" where its tables have none, None where it is empty.

    Tables of other programs in the same database are ignored.
    """
    names = set(inspect(engine).get_table_names())
    if MARK_TABLE in names:
        with engine.connect() as connection:
            found: str | None = connection.scalar(text(f"SELECT fingerprint FROM {MARK_TABLE}"))  # noqa: S608
            return found or ""
    return "" if names & Base.metadata.tables.keys() else None


def _create(engine: Engine) -> str:
    with engine.begin() as connection:
        if engine.dialect.name in ALONE:
            connection.exec_driver_sql(ALONE[engine.dialect.name])
        if not inspect(connection).has_table(MARK_TABLE):  # another process may have created it
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(f"CREATE TABLE {MARK_TABLE} (fingerprint VARCHAR NOT NULL)")
            connection.exec_driver_sql(
                f"INSERT INTO {MARK_TABLE} VALUES ('{schema_fingerprint()}')"  # noqa: S608
            )
    return _mark(engine) or ""
