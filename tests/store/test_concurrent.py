"""Two drivers on one database, in two folders: one study at a time, and no lost rows."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
import sqlalchemy
from making.entries import begin

from serbench.data.protocols import parse_protocol
from serbench.errors import ConflictError, SerbenchError, StorageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.failures import again_on_conflict
from serbench.store.lease import study_lease
from serbench.store.schema import StudyRow
from serbench.store.schema_data import DatasetRow, ProtocolRow
from serbench.store.splits import Splits

LEASING = """
import sys, time
from pathlib import Path
from serbench.store.database import Database
from serbench.store.lease import study_lease

with study_lease(Database(sys.argv[1]), Path("artifacts").absolute(), "a-study"):
    print("has it", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database that two drivers share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'serbench.db'}"
    return request.getfixturevalue("postgresql_url")


@contextmanager
def leased_elsewhere(url, folder):
    """A process has the lease in a folder of its own; at the end it is killed."""
    folder.mkdir()
    command = [sys.executable, "-c", LEASING, url]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "has it\n"
    yield
    process.kill()
    process.wait()
    process.stdout.close()


def lease(url, folder, study="a-study"):
    """Take the lease, and give it back."""
    database = Database(url)
    with study_lease(database, folder / "artifacts", study):
        pass
    database.engine.dispose()


def is_free(url, folder):
    try:
        lease(url, folder)
    except SerbenchError:
        return False
    return True


def test_a_study_runs_once_on_a_database_whatever_the_folders(url, tmp_path):
    with leased_elsewhere(url, tmp_path / "one"):
        with pytest.raises(SerbenchError) as raised:
            lease(url, tmp_path / "two")
        assert raised.value.facts["study"] == "a-study"
        lease(url, tmp_path / "two", "another study")
    deadline = time.monotonic() + 30  # a server takes a moment to see that a process is gone
    while not is_free(url, tmp_path / "two"):
        assert time.monotonic() < deadline, "a killed process still has the lease"
        time.sleep(0.05)
    assert is_free(url, tmp_path / "two"), "and it is given back"


def test_a_link_to_a_database_is_that_database(tmp_path):
    file, link = tmp_path / "serbench.db", tmp_path / "elsewhere" / "other.db"
    Database(f"sqlite:///{file}").engine.dispose()
    link.parent.mkdir()
    link.symlink_to(file)
    with leased_elsewhere(f"sqlite:///{file}", tmp_path / "one"):
        assert not is_free(f"sqlite:///{link}", link.parent)


def test_a_lease_whose_connection_was_lost_ends_without_an_error(postgresql_url, tmp_path):
    database = Database(postgresql_url)
    with study_lease(database, tmp_path, "a-study"), database.engine.connect() as other:
        others = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        other.execute(sqlalchemy.text(others))
    database.engine.dispose()


def test_scans_into_one_name_at_once_are_one_dataset(url, made):
    manifest = made.manifest("at-once")
    together = Barrier(3)

    def save(_):
        database = Database(url)
        together.wait(30)
        Datasets(database).save_scan(made.scanned(manifest))
        database.engine.dispose()

    Database(url).engine.dispose()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(save, range(3)))
    database = Database(url)
    assert Datasets(database).manifest("at-once") == manifest
    with database.session() as session:
        assert session.query(DatasetRow).filter_by(name="at-once").count() == 1
    database.engine.dispose()


def test_studies_begun_at_once_share_splits_and_rows(url, made, tmp_path):
    manifest = made.manifest("shared")
    plan = made.plan(manifest)
    database = Database(url)
    Datasets(database).save_scan(made.scanned(manifest))
    together = Barrier(3)

    def start(number):
        own = Database(url)
        together.wait(30)
        Splits(own).of(manifest, parse_protocol("speaker-2:holdout"))
        together.wait(30)
        begin(own, made, manifest, plan, tmp_path)
        own.engine.dispose()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(start, range(3)))
    with database.session() as session:
        [dataset] = session.query(DatasetRow).filter_by(name="shared")
        assert session.query(ProtocolRow).filter_by(dataset_id=dataset.id).count() == 1
        assert session.query(StudyRow).filter_by(key=plan.key).count() == 1
    database.engine.dispose()


def test_what_met_another_process_is_tried_again_and_at_last_an_error(url):
    database, tried = Database(url), []
    insert = "INSERT INTO machine (fingerprint, facts) VALUES ('f', '{}')"

    @again_on_conflict
    def write():
        tried.append("again")
        with database.session() as session:
            session.execute(sqlalchemy.text(insert))

    write()
    assert len(tried) == 1
    with pytest.raises(ConflictError) as raised:
        write()
    assert len(tried) == 4
    assert "\n" not in str(raised.value)
    with pytest.raises(StorageError) as raised, database.session() as session:
        session.execute(sqlalchemy.text("INSERT INTO machine (facts) VALUES ('{}')"))
    assert not isinstance(raised.value, ConflictError), "a column is missing, not a race lost"
    database.engine.dispose()
