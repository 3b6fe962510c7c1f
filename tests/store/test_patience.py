"""A database that another program has locked is waited for; what else fails is named."""

import sqlite3
import threading
from contextlib import closing

import pytest
import sqlalchemy

from serbench.errors import StorageError
from serbench.store import patience
from serbench.store.database import Database, open_database


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "serbench.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def clock(monkeypatch):
    """A clock that runs a hundred times as fast, so that no test waits for a minute."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += 1.0

    made = Clock()
    monkeypatch.setattr(patience, "time", made)
    monkeypatch.setattr(patience, "QUIET", 0.01)  # SQLite's own waiting, which no clock shortens
    return made


INSERT = "INSERT INTO machine (fingerprint, facts) VALUES ('f', '{}')"


def write(url, statement=INSERT):
    database = Database(url)
    with database.session() as session:
        session.execute(sqlalchemy.text(statement))
    database.engine.dispose()


def rows(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM machine").fetchone()[0]


def test_a_lock_that_is_released_within_a_minute_loses_nothing(file, clock, capsys):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        advance = clock.sleep

        def sleep(seconds):
            advance(seconds)
            if clock.now == 50:
                other.execute("ROLLBACK")

        clock.sleep = sleep
        write(f"sqlite:///{file}")
    assert rows(file) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1, "said, and once"


def test_a_lock_that_stays_is_an_error_after_a_minute(file, clock):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError) as raised:
            write(f"sqlite:///{file}")
    assert raised.value.facts["code"] == "SQLITE_BUSY"
    assert clock.now == 60


def test_a_short_lock_is_waited_for_in_silence(file, capsys):
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        timer.start()
        write(f"sqlite:///{file}")
        timer.join()
    assert rows(file) == 1
    assert capsys.readouterr().err == ""


def test_a_transaction_ends_once_others_have_read(file, clock):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM machine").fetchall()
        advance = clock.sleep

        def sleep(seconds):
            advance(seconds)
            other.execute("ROLLBACK")

        clock.sleep = sleep
        write(f"sqlite:///{file}")
    assert clock.now == 1
    assert rows(file) == 1


def error_of(url, statement=INSERT):
    with pytest.raises(StorageError) as raised:
        write(url, statement)
    assert "\n" not in str(raised.value)
    assert "another program" not in str(raised.value), "it is no guess at a writer"
    return raised.value.facts["code"]


def test_a_database_that_may_not_be_written_to(file):
    assert error_of(f"sqlite:///file:{file}?mode=ro&uri=true") == "SQLITE_READONLY"


def fill(session):
    session.execute(sqlalchemy.text("PRAGMA max_page_count = 1"))
    for number in range(1000):
        values = f"VALUES ('{number}', '\"{'c' * 4000}\"')"
        insert = f"INSERT INTO machine (fingerprint, facts) {values}"
        session.execute(sqlalchemy.text(insert))


def test_a_database_that_is_full(file):
    database = Database(f"sqlite:///{file}")
    with pytest.raises(StorageError) as raised, database.session() as session:
        fill(session)
    assert raised.value.facts["code"] == "SQLITE_FULL"
    assert "another program" not in str(raised.value)
    database.engine.dispose()


def test_a_database_that_is_damaged(file):
    content = bytearray(file.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 100] = b"\xff" * 100
    file.write_bytes(content)
    assert error_of(f"sqlite:///{file}") == "SQLITE_CORRUPT"
