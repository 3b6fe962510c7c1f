"""Clips that cannot be prepared: a recording changed or gone, a disk too small or closed."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from error_facts import words_in

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.errors import AudioError, DatasetError, StorageError

SHORT = ClipFormat(8000, 0.7, "keep")


def test_a_recording_that_changed_since_the_scan_is_refused(tiny_manifest, tmp_path):
    path = tiny_manifest.utterances[20].path
    shutil.copy(path, tmp_path / "kept.wav")
    shutil.copy(tiny_manifest.utterances[0].path, path)
    with pytest.raises(DatasetError) as refusal:
        prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert type(refusal.value) is DatasetError
    assert path in str(refusal.value)
    shutil.copy(tmp_path / "kept.wav", path)
    clips = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert (np.abs(clips.waveforms).max(axis=1) == 32767).all()


def test_a_recording_that_is_gone_is_refused(tiny_corpus, tiny_manifest, tmp_path):
    shutil.rmtree(tiny_corpus / "Actor_03")
    with pytest.raises(AudioError) as refusal:
        prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert refusal.value.reason == "missing"
    assert tiny_corpus / "Actor_03" in Path(refusal.value.facts["path"]).parents


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 128 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_is_too_small_is_an_error_that_names_the_need(tiny_manifest, small_disk):
    with pytest.raises(StorageError) as refusal:
        prepare_clips(tiny_manifest, small_disk, ClipFormat(8000, 2.0))
    assert refusal.value.__cause__.errno == errno.ENOSPC
    assert "1 MB" in str(refusal.value)
    assert words_in(refusal.value) >= {"SERBENCH_CACHE"}


def test_a_disk_that_fills_up_is_an_error_and_room_mends_it(tiny_manifest, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageError) as refusal:
            prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert "0 MB" in str(refusal.value), "how much room it needs"
    assert len(prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)) == 36


def test_a_folder_that_cannot_be_written_to_is_an_error(tiny_manifest, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as refusal:
        prepare_clips(tiny_manifest, tmp_path / "file" / "clips", SHORT)
    cause = refusal.value.__cause__
    assert isinstance(cause, FileExistsError | NotADirectoryError)
    assert cause.strerror in str(refusal.value)
    assert str(tmp_path / "file" / "clips") in str(refusal.value)
    assert "SERBENCH_CACHE" in str(refusal.value)
