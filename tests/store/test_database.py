"""The database: made, recognised, refused."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import sqlalchemy

from serbench.errors import StorageError
from serbench.store import database as database_module
from serbench.store import schema  # noqa: F401 - it declares the tables
from serbench.store.base import Base
from serbench.store.database import MARK_TABLE, Database, open_database, schema_fingerprint


@pytest.fixture
def file(tmp_path):
    """Where a database may be."""
    return tmp_path / "serbench.db"


@pytest.fixture
def url(file):
    """The URL of that file."""
    return f"sqlite:///{file}"


def tables(engine):
    return set(sqlalchemy.inspect(engine).get_table_names())


def run_sql(file, *statements):
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_an_empty_database_gets_exactly_the_declared_tables(url):
    engine = open_database(url)
    assert tables(engine) == {*Base.metadata.tables, MARK_TABLE}
    inspector = sqlalchemy.inspect(engine)
    for table in Base.metadata.sorted_tables:
        found = {column["name"] for column in inspector.get_columns(table.name)}
        assert found == {column.name for column in table.columns}
    engine.dispose()


def test_a_database_of_this_schema_is_opened_as_it_is(url):
    open_database(url).dispose()
    code = (
        "import sys; from serbench.store.database import Database\n"
        f"with Database({url!r}).session(): pass\n"
        "print(sorted({'alembic', 'torch', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


OLDER = {
    "tables of an earlier schema": ["CREATE TABLE study (id INTEGER, backbone VARCHAR)"],
    "the mark of another schema": [
        f"CREATE TABLE {MARK_TABLE} (fingerprint VARCHAR)",
        f"INSERT INTO {MARK_TABLE} VALUES ('0123456789abcdef')",
    ],
    "an empty mark": [f"CREATE TABLE {MARK_TABLE} (fingerprint VARCHAR)"],
}


@pytest.mark.parametrize("statements", OLDER.values(), ids=OLDER)
def test_a_database_of_another_schema_is_refused_and_not_changed(file, url, statements):
    run_sql(file, *statements)
    before = file.read_bytes()
    with pytest.raises(StorageError) as raised:
        open_database(url)
    assert raised.value.facts["url"] == str(file)
    assert "\n" not in str(raised.value)
    assert file.read_bytes() == before


def test_the_fingerprint_changes_with_any_column(monkeypatch):
    before = schema_fingerprint()
    metadata = sqlalchemy.MetaData()
    for table in Base.metadata.sorted_tables:
        table.to_metadata(metadata)
    metadata.tables["study"].append_column(sqlalchemy.Column("more", sqlalchemy.String))
    monkeypatch.setattr(database_module.Base, "metadata", metadata)
    assert schema_fingerprint() != before


def test_tables_of_other_programs_are_not_changed(file, url):
    run_sql(file, "CREATE TABLE studies (study_id INTEGER)")
    engine = open_database(url)
    assert tables(engine) == {*Base.metadata.tables, MARK_TABLE, "studies"}
    engine.dispose()


def test_a_creation_that_was_stopped_leaves_nothing_behind(file, url, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(database_module, "schema_fingerprint", stop)
    with pytest.raises(KeyboardInterrupt):
        open_database(url)
    monkeypatch.undo()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    open_database(url).dispose()


def test_two_processes_may_make_the_same_database_at_once(url):
    code = f"from serbench.store.database import open_database; open_database({url!r})"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)
    ]
    printed = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], printed


def test_what_is_written_in_a_failing_session_is_undone(url):
    database = Database(url)
    insert = "INSERT INTO machine (fingerprint, facts) VALUES ('f', '{}')"
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.execute(sqlalchemy.text(insert)).rowcount / 0
    with database.session() as session:
        assert session.execute(sqlalchemy.text("SELECT * FROM machine")).all() == []
    database.engine.dispose()


def test_a_row_cannot_point_to_nothing(url):
    columns, values = "dataset_id, name, identifier, evidence", "77, 'loso', 'loso#0', 'nested'"
    dangling = f"INSERT INTO protocol ({columns}) VALUES ({values})"
    assert "FOREIGN KEY" in failure(url, dangling).facts["cause"]


def failure(url, statement="DELETE FROM machine"):
    """The error that writing to ``url`` ends in."""
    database = Database(url)
    with pytest.raises(StorageError) as raised, database.session() as session:
        session.execute(sqlalchemy.text(statement))
    assert "\n" not in str(raised.value)
    return raised.value


def test_a_locked_database_is_named(file, url):
    open_database(url).dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        facts = failure(f"{url}?timeout=0.05").facts
    assert (facts["url"], facts["code"]) == (str(file), "SQLITE_BUSY")


def test_a_read_only_database_is_named(file, url):
    open_database(url).dispose()
    assert "readonly" in failure(f"sqlite:///file:{file}?mode=ro&uri=true").facts["cause"]


def test_a_file_that_is_no_database_is_refused_and_not_changed(file, url):
    file.write_text("emotion,path\n" * 100)
    facts = failure(url).facts
    assert (facts["url"], facts["code"]) == (str(file), "SQLITE_NOTADB")
    assert file.read_text() == "emotion,path\n" * 100


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    facts = failure(f"sqlite:///{tmp_path}/nowhere/serbench.db").facts
    assert facts["url"] == f"{tmp_path}/nowhere/serbench.db"
    assert "unable to open" in facts["cause"]


def test_a_statement_the_database_refuses_is_one_line(url):
    assert failure(url, "DELETE FROM elsewhere").facts["cause"] == "no such table: elsewhere"


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
    error = failure(url)
    assert "geheim" not in str(error)
    assert "geheim" not in str(error.facts)
    assert re.search(r"me:\*\*\*@(localhost|127.0.0.1)", str(error))


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_to_a_deleted_file(tmp_path, replaced):
    path = tmp_path / "serbench.db"
    database = Database(f"sqlite:///{path}")
    with database.session():
        pass
    path.rename(tmp_path / "moved.db")
    if replaced:
        path.write_bytes((tmp_path / "moved.db").read_bytes())
    with pytest.raises(StorageError) as raised, database.session():
        pass
    assert raised.value.facts == {"path": path}
    assert path.exists() == replaced
    database.engine.dispose()
