"""Clips that cannot be prepared: a recording changed or gone, a disk too small or closed."""

import errno
import os
import shutil
import subprocess

import numpy as np
import pytest

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.errors import AudioError, DatasetError, StorageError

SHORT = ClipFormat(sample_rate=8000, seconds=0.7)


def test_a_recording_that_changed_since_the_scan_is_refused(tiny_manifest, tmp_path):
    path = tiny_manifest.utterances[20].path
    shutil.copy(path, tmp_path / "kept.wav")
    shutil.copy(tiny_manifest.utterances[0].path, path)
    with pytest.raises(DatasetError, match="not the recording that was scanned") as refusal:
        prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert path in str(refusal.value)
    shutil.copy(tmp_path / "kept.wav", path)
    clips = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert (np.abs(clips.waveforms).max(axis=1) == 32767).all()


def test_a_recording_that_is_gone_is_refused(tiny_corpus, tiny_manifest, tmp_path):
    shutil.rmtree(tiny_corpus / "Actor_03")
    with pytest.raises(AudioError, match=r"Actor_03.*missing"):
        prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)


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
    said = str(refusal.value)
    assert "the disk is full: preparing the clips needs 1 MB" in said
    assert "SERBENCH_CACHE" in said


def test_a_disk_that_fills_up_is_an_error_and_room_mends_it(tiny_manifest, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageError, match="the disk is full"):
            prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert len(prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)) == 36


def test_a_folder_that_cannot_be_written_to_is_an_error(tiny_manifest, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write there .*SERBENCH_CACHE"):
        prepare_clips(tiny_manifest, tmp_path / "file" / "clips", SHORT)
