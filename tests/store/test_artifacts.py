"""Weights files: written whole, checked, with their lineage."""

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from making.damage import DAMAGES
from making.entries import add_entry
from sqlalchemy import select, update

from serbench.errors import StorageError, WeightsError
from serbench.store.artifacts import is_intact, read_arrays, write_arrays
from serbench.store.schema import ArtifactRow

ARRAYS = {
    "backbone.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "backbone.steps": np.array(7),
    "head.bias": np.array([np.float32(1) / 3, -0.0, 1e-45], dtype=np.float32),
}


@pytest.fixture
def path(tmp_path):
    """Where weights may be kept; its folder is yet to be made."""
    return tmp_path / "artifacts" / "winner.safetensors"


@pytest.fixture
def saved(path):
    """The hash of the file that holds ``ARRAYS``."""
    return write_arrays(ARRAYS, path)


def test_the_hash_is_that_of_the_file(saved, path):
    assert saved == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_arrays_make_the_same_file(saved, path):
    assert write_arrays(ARRAYS, path.with_stem("again")) == saved


def test_nothing_else_is_left_in_the_folder(saved, path):
    assert list(path.parent.iterdir()) == [path]


def test_every_array_comes_back_bit_for_bit(saved, path):
    read = read_arrays(path, saved)
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()


def test_a_full_disk_leaves_the_old_weights(saved, path, monkeypatch):
    before = path.read_bytes()

    def no_room(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError) as raised:
        write_arrays({"other": np.zeros(1)}, path)
    assert raised.value.facts["path"] == path.parent
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as raised:
        write_arrays({"any": np.zeros(1)}, tmp_path / "file" / "weights.safetensors")
    assert raised.value.facts["path"] == tmp_path / "file"


def test_weights_of_another_content_are_refused(saved, path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        read_arrays(path, saved)
    assert raised.value.facts["path"] == path


def test_missing_weights_are_named(path):
    with pytest.raises(WeightsError) as raised:
        read_arrays(path, "0")
    assert raised.value.facts["path"] == path


def test_file_and_name_are_on_the_disk_before_a_row_refers_to_them(path, monkeypatch):
    done, fsync, replace = [], os.fsync, Path.replace

    def synced(file):
        done.append(Path(f"/proc/self/fd/{file}").readlink().name)
        fsync(file)

    def replaced(self, target):
        done.append("renamed")
        return replace(self, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("which file is open can be seen on Linux only")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_arrays(ARRAYS, path)
    assert done == [f"{path.name}.part", "renamed", path.parent.name]


def test_only_the_file_that_was_recorded_is_intact(saved, path):
    assert is_intact(path, saved)
    for damage in DAMAGES.values():
        damage(path)
        assert not is_intact(path, saved)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "a/b", "..\\a", "", "..", "."])
def test_a_file_outside_of_the_folder_is_neither_read_nor_deleted(name, database, made, artifacts):
    add_entry(database, made, made.manifest(), artifacts=artifacts)
    with database.session() as session:
        session.execute(update(ArtifactRow).values(file=name).where(ArtifactRow.id == 1))
    with pytest.raises(StorageError) as raised, database.session() as session:
        session.scalars(select(ArtifactRow)).all()
    assert raised.value.facts == {"file": name}
