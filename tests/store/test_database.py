"""The database: made, migrated, refused."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import serbench.store
from serbench.errors import StorageError
from serbench.store.database import LATEST, VERSION_TABLE, Database, open_database
from serbench.store.schema import Base

MIGRATIONS = Path(serbench.store.__file__).parent / "migrations"


@pytest.fixture
def file(tmp_path):
    """Where a database may be."""
    return tmp_path / "serbench.db"


@pytest.fixture
def url(file):
    """The URL of that file."""
    return f"sqlite:///{file}"


def alembic_config(connection=None):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def differences(engine):
    """What Alembic would change to bring the database to the declared schema."""
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, Base.metadata)


def tables(engine):
    return set(sqlalchemy.inspect(engine).get_table_names())


def set_version(file, version):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", [version])
        connection.commit()


def test_migrations_make_exactly_the_declared_schema(url):
    engine = open_database(url)
    assert differences(engine) == []
    assert tables(engine) == {*Base.metadata.tables, VERSION_TABLE}
    engine.dispose()


def test_a_column_that_no_migration_makes_would_be_noticed(url):
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE study DROP COLUMN backbone"))
    assert [kind for kind, *_ in differences(engine)] == ["add_column"]
    engine.dispose()


def test_the_version_known_without_alembic_is_that_of_the_newest_migration():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [LATEST]


def test_a_database_of_this_version_is_opened_without_alembic(url):
    open_database(url).dispose()
    code = (
        "import sys; from serbench.store.database import Database\n"
        f"with Database({url!r}).session(): pass\n"
        "print(sorted({'alembic', 'torch', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_database_of_a_newer_serbench_is_refused_and_left_alone(file, url):
    open_database(url).dispose()
    set_version(file, "9999")
    with pytest.raises(StorageError, match="newer serbench") as raised:
        open_database(url)
    assert f"{file} was made by a newer serbench (schema 9999, this one knows {LATEST})" in str(
        raised.value
    )
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("9999",)]


def test_what_is_downgraded_to_nothing_is_upgraded_by_opening_it(url):
    engine = open_database(url)
    with engine.begin() as connection:
        alembic.command.downgrade(alembic_config(connection), "base")
    assert tables(engine) == {VERSION_TABLE}
    engine.dispose()
    again = open_database(url)
    assert differences(again) == []
    again.dispose()


def test_a_migration_that_was_stopped_leaves_nothing_behind(file, url, monkeypatch):
    create, created = op.create_table, []

    def stop_at_the_third(name, *columns):
        if len(created) == 2:
            raise KeyboardInterrupt
        created.append(name)
        return create(name, *columns)

    monkeypatch.setattr(op, "create_table", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        open_database(url)
    monkeypatch.undo()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    engine = open_database(url)
    assert differences(engine) == []
    engine.dispose()


def test_two_processes_may_make_the_same_database_at_once(url):
    code = f"from serbench.store.database import open_database; open_database({url!r})"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)
    ]
    said = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], said


def test_what_is_written_in_a_failing_session_is_undone(url):
    database = Database(url)
    insert = "INSERT INTO machine (fingerprint, cpu, cores, system) VALUES ('f', 'c', 1, 's')"
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.execute(sqlalchemy.text(insert)).rowcount / 0
    with database.session() as session:
        assert session.execute(sqlalchemy.text("SELECT * FROM machine")).all() == []
    database.engine.dispose()


def failure(url, statement="DELETE FROM machine"):
    """The message of the error that writing to ``url`` ends in."""
    database = Database(url)
    with pytest.raises(StorageError) as raised, database.session() as session:
        session.execute(sqlalchemy.text(statement))
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_a_locked_database_asks_for_patience(file, url):
    open_database(url).dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert failure(f"{url}?timeout=0.05") == (
            f"{file}: database is locked: another process is writing to it; wait for it, or stop it"
        )


def test_a_read_only_database_says_so(file, url):
    open_database(url).dispose()
    message = failure(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert "readonly database: it may not be written to" in message


def test_a_file_that_is_no_database_is_refused_and_left_alone(file, url):
    file.write_text("emotion,path\n" * 100)
    assert "file is not a database: that file is something else" in failure(url)
    assert file.read_text() == "emotion,path\n" * 100


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    message = failure(f"sqlite:///{tmp_path}/nowhere/serbench.db")
    assert message == (
        f"{tmp_path}/nowhere/serbench.db: unable to open database file: "
        "its folder does not exist or may not be written to"
    )


def test_a_statement_the_database_refuses_is_one_line(url):
    assert "the database cannot be reached: no such table: elsewhere" in failure(
        url, "DELETE FROM elsewhere"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:geheim@127.0.0.1:1/serbench",
        "postgresql+nobody://me:geheim@localhost/serbench",
        "mysql://me:geheim@localhost/serbench",
        "postgresql://me:geheim@localhost:port/serbench",
        "no database://me:geheim@localhost",
    ],
)
def test_a_password_is_never_shown(url):
    message = failure(url)
    assert "geheim" not in message
    assert re.search(r"me:\*\*\*@(localhost|127.0.0.1)", message)
