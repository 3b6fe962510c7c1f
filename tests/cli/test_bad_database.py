"""A database that cannot be opened, written to or understood is refused in one line."""

import shutil
import sqlite3
import subprocess

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")


def test_a_locked_database_is_said_to_be_locked(run, scanned, tiny_corpus, tmp_path):
    url = f"sqlite:///{tmp_path}/serbench.db?timeout=0.2"
    holder = sqlite3.connect(tmp_path / "serbench.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        said = error_of(run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny"), 1)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert said.startswith(f"{tmp_path}/serbench.db: database is locked: another process")
    assert run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0


def test_a_read_only_database_is_said_to_be_read_only(run, scanned, tiny_corpus, tmp_path):
    url = f"sqlite:///file:{tmp_path}/serbench.db?mode=ro&uri=true"
    assert "tiny" in run("--db", url, "corpus", "list").out
    said = error_of(run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny"), 1)
    assert "readonly database: it may not be written to" in said


def test_a_file_that_is_no_database_is_said_to_be_something_else(run, tmp_path):
    (tmp_path / "notes.db").write_text("buy milk\n" * 100)
    said = error_of(run("--db", "notes.db", "corpus", "list"), 1)
    assert "file is not a database: that file is something else" in said
    assert (tmp_path / "notes.db").read_text().startswith("buy milk")


def test_a_database_in_a_folder_that_is_not_there_is_refused(run):
    said = error_of(run("--db", "nowhere/my.db", "corpus", "list"), 1)
    assert "its folder does not exist or may not be written to" in said


def test_a_database_of_a_newer_serbench_is_left_alone(run, scanned, tmp_path):
    with sqlite3.connect(tmp_path / "serbench.db") as database:
        database.execute("UPDATE serbench_version SET version_num = '9999'")
    database.close()
    said = error_of(run("corpus", "list"), 1)
    assert "was made by a newer serbench (schema 9999" in said
    assert "pip install --upgrade serbench" in said


@pytest.mark.parametrize("url", ["oracl://here/db", "://", "sqlite:/x"])
def test_a_url_of_no_database_is_refused(run, url):
    said = error_of(run("--db", url, "corpus", "list"), 1)
    assert url in said


def test_a_database_on_a_full_disk_is_said_to_be_full(run, tiny_corpus, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        ran = run("--db", small / "my.db", "corpus", "scan", tiny_corpus, "--dataset", "tiny")
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    assert "database or disk is full: make room on its disk" in error_of(ran, 1)
