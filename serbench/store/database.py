"""Open the database, make its schema, and explain what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from serbench.errors import StorageError
from serbench.store.schema import Base

MARK_TABLE = "serbench_schema"
"""Holds the fingerprint of the schema that a database was made with."""

ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7372)"}
"""What makes one process at a time create the tables."""


class Database:
    """A database URL, connected when it is first used.

    Raises:
        StorageError: from any use, when the database does not do what is needed.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def engine(self) -> Engine:
        """The connection pool."""
        return open_database(self.url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error."""
        with storage_errors(self.url), Session(self.engine) as session, session.begin():
            yield session


def schema_fingerprint() -> str:
    """Identifies the present schema: tables, columns, types, keys."""
    parts = [
        f"{table.name}.{column.name} {column.type!r} {column.nullable} {column.primary_key} "
        f"{sorted(key.target_fullname for key in column.foreign_keys)}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def open_database(url: str) -> Engine:
    """Connect to ``url``; an empty database gets its tables.

    Until the first release there is one schema, which is edited in place.

    Raises:
        StorageError: the database cannot be opened, or has another schema.
    """
    with storage_errors(url):
        try:
            engine = create_engine(url, json_serializer=partial(json.dumps, allow_nan=False))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
            raise StorageError(
                f"'{shown_url(url)}' is no database that can be used here ({error}): give a file "
                "name or an SQLAlchemy URL; PostgreSQL needs the extra `postgresql`",
                url=shown_url(url),
            ) from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _enforce_foreign_keys)
        mark = _mark(engine)
        if mark is None:
            mark = _create(engine)
        if mark != schema_fingerprint():
            raise StorageError(
                f"{shown_url(url)} was made by another version of serbench: name a new database "
                "with --db",
                url=shown_url(url),
            )
    return engine


def _enforce_foreign_keys(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _mark(engine: Engine) -> str | None:
    """The fingerprint that a database carries, "" where its tables carry none, None if it is empty.

    What other programs keep in the same database does not count.
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
        if not inspect(connection).has_table(MARK_TABLE):  # another process may have been faster
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(f"CREATE TABLE {MARK_TABLE} (fingerprint VARCHAR NOT NULL)")
            connection.exec_driver_sql(
                f"INSERT INTO {MARK_TABLE} VALUES ('{schema_fingerprint()}')"  # noqa: S608
            )
    return _mark(engine) or ""


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what a database driver raises into one line that names the remedy.

    Raises:
        StorageError: locked, read-only, full, not a database, or otherwise failing.
    """
    try:
        yield
    except DBAPIError as error:
        raise StorageError(
            f"{shown_url(url)}: {_explained(error)}", url=shown_url(url), cause=str(error.orig)
        ) from error


def _explained(error: DBAPIError) -> str:
    cause = str(error.orig)
    advice = {
        "database is locked": "another process is writing to it; wait for it, or stop it",
        "readonly database": "it may not be written to: change its permissions or use --db",
        "unable to open database file": "its folder does not exist or may not be written to",
        "disk is full": "make room on its disk",
        "file is not a database": "that file is something else: name another with --db",
        "disk I/O error": "its disk does not answer as it should",
    }
    for sign, what_to_do in advice.items():
        if sign in cause:
            return f"{cause}: {what_to_do}"
    kind = "cannot be reached" if isinstance(error, OperationalError) else "refuses"
    return f"the database {kind}: {cause.splitlines()[0]}"


def shown_url(url: str) -> str:
    """A database for people: the file of SQLite, else the URL without its password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.database
    return parsed.render_as_string(hide_password=True)
