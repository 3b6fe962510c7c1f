"""A database that cannot be opened, written to or understood is refused in one line."""

import shutil
import sqlite3
import subprocess

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")


def test_a_locked_database_is_refused_until_it_is_free(run, scanned, tiny_corpus, tmp_path):
    url = f"sqlite:///{tmp_path}/serbench.db?timeout=0.2"
    holder = sqlite3.connect(tmp_path / "serbench.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        line = error_of(run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny"), 1)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert f"{tmp_path}/serbench.db" in line
    assert run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0


def test_a_read_only_database_can_be_read(run, scanned, tiny_corpus, tmp_path):
    url = f"sqlite:///file:{tmp_path}/serbench.db?mode=ro&uri=true"
    assert "tiny" in run("--db", url, "corpus", "list").out
    error_of(run("--db", url, "corpus", "scan", tiny_corpus, "--dataset", "tiny"), 1)


def test_a_file_that_is_no_database_is_not_changed(run, tmp_path):
    (tmp_path / "notes.db").write_text("buy milk\n" * 100)
    assert "notes.db" in error_of(run("--db", "notes.db", "corpus", "list"), 1)
    assert (tmp_path / "notes.db").read_text().startswith("buy milk")


def test_a_database_in_a_folder_that_is_not_there_is_refused(run):
    assert "nowhere/my.db" in error_of(run("--db", "nowhere/my.db", "corpus", "list"), 1)


def test_a_database_of_another_schema_is_refused(run, scanned, tmp_path):
    with sqlite3.connect(tmp_path / "serbench.db") as database:
        database.execute("UPDATE serbench_schema SET fingerprint = 'another'")
    database.close()
    assert "--db" in error_of(run("corpus", "list"), 1)


@pytest.mark.parametrize("url", ["oracl://here/db", "://", "sqlite:/x"])
def test_a_url_of_no_database_is_refused(run, url):
    assert url in error_of(run("--db", url, "corpus", "list"), 1)


def test_a_full_disk_is_refused(run, tiny_corpus, tmp_path):
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
    assert "full" in error_of(ran, 1)
