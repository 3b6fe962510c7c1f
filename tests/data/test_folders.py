"""Every file under some folders is listed, and what cannot be looked at is named."""

import errno
import os
import socket
from pathlib import Path

import pytest
from error_facts import words_in
from making.scanning import anger, scanned, write

from serbench.builtin.csv_table import CsvTable
from serbench.builtin.iemocap import IEMOCAP
from serbench.builtin.ravdess import RAVDESS
from serbench.data.folders import list_files
from serbench.errors import DatasetError, UsageError

CLOSED = "a folder that cannot be read (Permission denied)"


@pytest.fixture
def closed(monkeypatch):
    """``closed(folder)`` makes a folder one that may not be entered, also by an administrator."""
    refused = []
    scandir = os.scandir

    def scandir_or_refuse(folder):
        if Path(folder) in refused:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", scandir_or_refuse)
    return refused.append


def test_a_folder_that_may_not_be_entered_is_listed_and_counted(tmp_path, closed):
    write(tmp_path / "open" / anger(1))
    write(tmp_path / "closed" / anger(2))
    closed(tmp_path / "closed")
    found = scanned(tmp_path)
    assert (found.found, len(found.manifest)) == (2, 1)
    assert [(skip.path, skip.reason) for skip in found.skipped] == [
        (str(tmp_path / "closed"), CLOSED)
    ]
    assert found.summary()["defects"] == [
        {"path": str(tmp_path / "closed"), "reason": CLOSED, "kind": "unusable"}
    ]


def test_a_scan_of_nothing_but_a_closed_folder_is_refused_with_the_reason(tmp_path, closed):
    closed(tmp_path)
    with pytest.raises(DatasetError, match="cannot be read"):
        scanned(tmp_path)


@pytest.mark.parametrize("name", ["table.csv", "Ses01F_impro01.txt", "clip.wav", "anything"])
def test_no_corpus_waits_for_a_fifo(tmp_path, name):
    write(tmp_path / anger(1))
    write(tmp_path / "Ses01F_impro01_F000.wav")
    os.mkfifo(tmp_path / name)
    found = scanned(tmp_path, corpora=(RAVDESS, IEMOCAP, CsvTable()))
    assert found.skipped_by_reason()["a FIFO, not a regular file"] == 1
    assert found.found == len(found.manifest) + len(found.skipped) == 3


def test_a_socket_named_like_a_clip_is_counted(tmp_path):
    write(tmp_path / anger(1))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / anger(2)))
        found = scanned(tmp_path)
    assert found.skipped_by_reason() == {"a socket, not a regular file": 1}


def test_a_table_that_names_special_and_impossible_paths_keeps_the_others(tmp_path):
    write(tmp_path / "clips" / "good.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["clips/good.wav", "pipe.wav", "b" * 300 + ".wav", "clips/good.wav/inner.wav", "x\0y"]
    table = tmp_path / "table.csv"
    lines = [f"{name},anger,{number}" for number, name in enumerate(names)]
    table.write_text("\n".join(["path,emotion,speaker", *lines]))
    found = scanned(table, corpora=(CsvTable(),))
    assert found.skipped_by_reason() == {
        "a FIFO, not a regular file": 1,
        "not readable": 1,
        "missing": 2,
    }
    assert (found.found, len(found.manifest)) == (5, 1)
    (long,) = (skip for skip in found.skipped if skip.reason == "not readable")
    assert long.detail == os.strerror(errno.ENAMETOOLONG)


@pytest.mark.parametrize("name", ["nowhere", "a" * 300, "file/inner"])
def test_a_path_that_cannot_be_looked_at_is_a_usage_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as refusal:
        list_files([tmp_path / name])
    assert refusal.value.facts["path"] == tmp_path / name


def test_a_link_to_itself_is_listed_once(tmp_path):
    (tmp_path / anger(1)).symlink_to(tmp_path / anger(1))
    assert list_files([tmp_path]).files == [tmp_path / anger(1)]
    with pytest.raises(DatasetError):
        scanned(tmp_path)


@pytest.mark.parametrize("ending", ["m4a", "MP4", "webm", "amr", "wma", "aac", "avi"])
def test_recordings_that_libsndfile_cannot_read_are_counted(tmp_path, ending, without_pyav):
    (tmp_path / f"memo.{ending}").write_bytes(bytes(100))
    with pytest.raises(DatasetError) as refusal:
        scanned(tmp_path)
    assert words_in(refusal.value) >= {"1", "libsndfile", ending.lower()}
    write(tmp_path / anger(1))
    found = scanned(tmp_path)
    (skip,) = found.skipped
    assert (skip.defective, skip.kind) == (True, "format")
    assert {ending.lower(), "convert", "pip", "install", "av"} <= words_in(skip.reason)
    assert found.found == 2


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """2,100 nested folders: Linux takes 4,096 characters for a path."""
    monkeypatch.chdir(tmp_path)
    for depth in range(2100):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
        if depth == 1500:
            write(Path(anger(1)))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for _ in range(2100):
        os.chdir("d")
    for _ in range(2100):
        Path(anger(1)).unlink(missing_ok=True)
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106


def test_folders_in_any_nesting_are_listed_and_what_is_nested_too_deep_is_counted(deep):
    listing = list_files([deep])
    assert [path.name for path in listing.files] == [anger(1)]
    assert len(listing.unread) == 1
    assert len(scanned(deep).manifest) == 1
