"""Backups of a database with its weights files, also while a study writes."""

import io
import os
import tarfile
import threading

import pytest
from making.entries import add_entry, begin, run_trial

from serbench.errors import StorageError, UsageError
from serbench.store import backup as module
from serbench.store.backup import ARTIFACTS, DATABASE, back_up, restore
from serbench.store.checking import check_files
from serbench.store.database import Database
from serbench.store.schema import ArtifactRow, TrialRow
from serbench.store.systems import Systems


@pytest.fixture
def entry(database, made, manifest, artifacts):
    return add_entry(database, made, manifest, artifacts=artifacts)


@pytest.fixture
def other(tmp_path):
    """A database that does not exist yet."""
    opened = Database(f"sqlite:///{tmp_path / 'restored' / 'my.db'}", create=False)
    yield opened
    if opened.exists:
        opened.engine.dispose()


def opened_backup(folder):
    return Database(f"sqlite:///{folder / DATABASE}", create=False)


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_restored_backup_has_the_same_content(name, database, entry, artifacts, tmp_path, other):
    copied = back_up(database, artifacts, tmp_path / name)
    assert (copied.files, copied.lost) == (6, ())
    assert [path.name for path in tmp_path.glob("*.part")] == []
    there = tmp_path / "restored" / "my-artifacts"
    assert restore(tmp_path / name, other, there).files == 6
    assert check_files(other, there) == []
    for one, same in zip(
        Systems(database).tested(entry), Systems(other).tested(entry), strict=True
    ):
        assert (one == same).all()


def test_a_backup_folder_is_a_database(database, entry, artifacts, tmp_path):
    back_up(database, artifacts, tmp_path / "copy")
    copy = opened_backup(tmp_path / "copy")
    assert check_files(copy, tmp_path / "copy" / ARTIFACTS) == []
    copy.engine.dispose()


def test_a_backup_during_a_study_is_consistent(database, made, manifest, artifacts, tmp_path):
    """Trials are recorded and beaten networks deleted while backups are made."""
    plan = made.plan(manifest, trials=40)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, 0.0)
    done = threading.Event()

    def study():
        for trial in range(1, 40):
            run_trial(ledger, made, manifest, plan, trial, trial / 20)
        done.set()

    thread = threading.Thread(target=study)
    thread.start()
    counts = []
    while not done.is_set():
        folder = tmp_path / f"copy-{len(counts)}"
        assert back_up(database, artifacts, folder).lost == ()
        copy = opened_backup(folder)
        assert check_files(copy, folder / ARTIFACTS) == []
        with copy.session() as session:
            counts.append(session.query(TrialRow).count())
        copy.engine.dispose()
    thread.join()
    assert counts == sorted(counts)
    assert min(counts) < 40


def test_lost_files_are_named_and_not_copied(database, entry, artifacts, tmp_path):
    lost, *_ = sorted(artifacts.glob("*.safetensors"))
    lost.write_bytes(b"other")
    copied = back_up(database, artifacts, tmp_path / "copy")
    assert copied.lost == (lost.name,)
    assert not (tmp_path / "copy" / ARTIFACTS / lost.name).exists()


def test_nothing_is_overwritten(database, entry, artifacts, tmp_path):
    back_up(database, artifacts, tmp_path / "copy")
    with pytest.raises(UsageError) as raised:
        back_up(database, artifacts, tmp_path / "copy")
    assert raised.value.facts == {"path": tmp_path / "copy"}
    with pytest.raises(UsageError) as raised:
        restore(tmp_path / "copy", database, artifacts)
    assert raised.value.facts == {"path": tmp_path / "serbench.db"}


def test_a_full_disk_leaves_no_part_of_a_backup(database, entry, artifacts, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(module.shutil, "copyfile", full)
    with pytest.raises(StorageError) as raised:
        back_up(database, artifacts, tmp_path / "new" / "copy")
    assert raised.value.facts == {"path": tmp_path / "new" / "copy"}
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no tar", bytes(2048)])
def test_anything_else_is_no_backup(content, tmp_path, other):
    path = tmp_path / "copy.tar"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        restore(path, other, tmp_path / "my-artifacts")
    assert raised.value.facts == {"path": path}
    assert not other.exists


def test_a_tar_file_writes_nothing_outside_of_the_folders(
    database, entry, artifacts, tmp_path, other
):
    back_up(database, artifacts, tmp_path / "copy.tar")
    with tarfile.open(tmp_path / "copy.tar", "a") as tar:
        for name in ("../escaped", "/tmp/escaped", f"{ARTIFACTS}/../../escaped", "escaped"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo(f"{ARTIFACTS}/escaped")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    restore(tmp_path / "copy.tar", other, tmp_path / "restored" / "my-artifacts")
    assert not list(tmp_path.rglob("escaped"))


def test_the_journal_of_a_deleted_database_is_not_applied(
    database, entry, artifacts, tmp_path, other
):
    back_up(database, artifacts, tmp_path / "copy")
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored" / "my.db-journal").write_bytes(
        b"\xd9\xd5\x05\xf9 \xa1c\xd7" + bytes(512)
    )
    restore(tmp_path / "copy", other, tmp_path / "restored" / "my-artifacts")
    with other.session() as session:
        assert session.query(ArtifactRow).count() == 6


def test_a_damaged_backup_is_not_restored(database, entry, artifacts, tmp_path, other):
    back_up(database, artifacts, tmp_path / "copy")
    path = tmp_path / "copy" / DATABASE
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(StorageError):
        restore(tmp_path / "copy", other, tmp_path / "restored" / "my-artifacts")
    assert not other.exists
