"""Open the database, bring its schema up to date, and say plainly what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from serbench.errors import StorageError

VERSION_TABLE = "serbench_version"
LATEST = "0004"
"""The newest migration; a database of this version is used without importing Alembic."""

ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7372)"}
"""What makes one process at a time migrate, wholly or not at all."""


class Database:
    """A database URL, connected and migrated when it is first used.

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


def open_database(url: str) -> Engine:
    """Connect to ``url`` and migrate its schema to the newest version.

    Raises:
        StorageError: the database cannot be opened, or a newer serbench made it.
    """
    with storage_errors(url):
        try:
            engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
            raise StorageError(
                f"'{shown_url(url)}' is no database that can be used here ({error}): give a file "
                "name or an SQLAlchemy URL; PostgreSQL needs `pip install 'serbench[postgresql]'`"
            ) from error
        version = _version(engine)
        if version != LATEST:
            _migrate(engine, url, version)
    return engine


def _version(engine: Engine) -> str | None:
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return version


def _migrate(engine: Engine, url: str, version: str | None) -> None:
    import alembic.command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StorageError(
            f"{shown_url(url)} was made by a newer serbench (schema {version}, this one knows "
            f"{LATEST}): upgrade with `pip install --upgrade serbench` or name another with --db"
        )
    with engine.begin() as connection:
        if engine.dialect.name in ALONE:
            connection.exec_driver_sql(ALONE[engine.dialect.name])
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what a database driver raises into one line that says what to do.

    Raises:
        StorageError: locked, read-only, full, not a database, or otherwise failing.
    """
    try:
        yield
    except DBAPIError as error:
        raise StorageError(f"{shown_url(url)}: {_explained(error)}") from error


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
