"""A recording is decoded whole, or refused with the defect in a few words."""

import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RATE, noise, reason_for, refusal_of, write

from serbench.data.audio import Audio, read_audio
from serbench.errors import AudioError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 96044\n"


def write_halved(path):
    """A file of which only the first half was copied."""
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def set_sizes(path, riff, data):
    """Overwrite the lengths of the file and of the samples in the header of a WAV."""
    whole = bytearray(path.read_bytes())
    place = whole.index(b"data") + 4
    whole[4:8] = struct.pack("<I", riff)
    whole[place : place + 4] = struct.pack("<I", data)
    path.write_bytes(whole)
    return path


def test_a_file_that_is_not_there_is_missing(tmp_path):
    assert reason_for(tmp_path / "nowhere.wav") == "missing"


def test_a_folder_is_no_recording(tmp_path):
    assert reason_for(tmp_path) == "a folder, not a file"


def test_a_file_without_a_byte_is_empty(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert reason_for(path) == "empty file"


def test_a_file_without_samples_is_distinguished_from_an_empty_file(tmp_path):
    assert reason_for(write(tmp_path / "header only.wav", noise(0))) == "no samples"


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff"])
def test_half_a_file_is_truncated(tmp_path, ending):
    assert reason_for(write_halved(tmp_path / f"half.{ending}")) == "truncated"


def test_a_wav_that_misses_its_last_sample_is_truncated(tmp_path):
    path = write(tmp_path / "short.wav")
    path.write_bytes(path.read_bytes()[:-2])
    assert reason_for(path) == "truncated"


def test_a_wav_with_a_chunk_before_its_data_is_still_seen_to_be_cut(tmp_path):
    path = write(tmp_path / "tagged.wav")
    whole = path.read_bytes()
    tag = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # an odd length is followed by a pad byte
    place = whole.index(b"data")
    path.write_bytes(whole[:place] + tag + whole[place:])
    assert len(read_audio(path).waveform) == 4000
    path.write_bytes(path.read_bytes()[:-1000])
    assert reason_for(path) == "truncated"


@pytest.mark.parametrize(
    "content", [b"not a sound at all\n" * 100, b"\x00" * 5000, b"RIFF", b"RIFF\0\0\0\0WAVE"]
)
def test_what_is_not_audio_is_called_so(tmp_path, content):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    assert reason_for(path) == "not audio that libsndfile can read"


@pytest.mark.parametrize("channels", [1, 2])
def test_a_recording_of_zeros_is_silent(tmp_path, channels):
    path = write(tmp_path / "zeros.wav", np.zeros((4000, channels)))
    assert reason_for(path) == "silent (every sample is zero)"


def test_one_sample_that_is_not_zero_is_not_silence(tmp_path):
    samples = np.zeros(4000, np.int16)
    samples[1234] = 1
    assert read_audio(write(tmp_path / "click.wav", samples)).waveform[1234, 0] == 2**-15


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_sample_that_is_no_number_refuses_the_recording(tmp_path, value):
    samples = noise() / 2.0**15
    samples[17] = value
    path = write(tmp_path / "float.wav", samples, "FLOAT")
    assert reason_for(path) == "samples that are not numbers (NaN or infinite)"


def test_a_pointer_of_git_lfs_is_called_so_with_the_remedy(tmp_path):
    path = tmp_path / "pointer.wav"
    path.write_text(POINTER)
    assert reason_for(path) == "Git-LFS pointer, not audio"
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert "`git lfs pull`" in str(refusal.value)


def test_a_name_that_no_database_could_keep_is_refused_and_shown(tmp_path):
    path = tmp_path / os.fsdecode(b"B\xfcro.wav")
    path.write_bytes(write(tmp_path / "good.wav").read_bytes())
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert refusal.value.reason == "file name that is not UTF-8"
    assert str(refusal.value.facts["path"]).endswith(r"B\udcfcro.wav")


@pytest.mark.parametrize("kind", ["a FIFO", "a socket", "a device"])
def test_what_would_be_waited_for_is_refused_unopened(tmp_path, kind):
    path = tmp_path / "clip.wav"
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "a FIFO":
            os.mkfifo(path)
        elif kind == "a socket":
            server.bind(str(path))
        else:
            path.symlink_to("/dev/zero")
        assert reason_for(path) == f"{kind}, not a regular file"


@pytest.mark.parametrize("name", ["a" * 300 + ".wav", "folder/" * 900 + "a.wav"])
def test_a_path_that_is_too_long_is_not_readable(tmp_path, name):
    assert reason_for(tmp_path / name) == "not readable"


def test_a_name_with_a_null_byte_is_missing():
    with pytest.raises(AudioError) as refusal:
        read_audio("a\0b.wav")
    assert refusal.value.reason == "missing"


@pytest.mark.parametrize("method", ["stat", "open"])
def test_a_path_below_a_folder_that_may_not_be_entered_is_not_readable(
    tmp_path, monkeypatch, method
):
    path = write(tmp_path / "private.wav")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, method, refuse)
    error = refusal_of(path)
    assert (error.reason, error.detail) == ("not readable", "Permission denied")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(5, "Input/output error"),
        ValueError("array is too big"),
        TypeError("samplerate must be specified"),
        OverflowError(),
        RuntimeError("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", ["__init__", "read"])
def test_whatever_the_decoder_reports_is_an_audio_error(tmp_path, monkeypatch, error, method):
    path = write(tmp_path / "clip.wav")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(soundfile.SoundFile, method, fail)
    assert refusal_of(path).reason


def test_a_file_that_the_system_refuses_is_not_readable(tmp_path, monkeypatch):
    path = write(tmp_path / "private.wav")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert (refusal.value.reason, refusal.value.facts["path"]) == ("not readable", path)
    assert "Permission denied" in str(refusal.value)


@pytest.mark.parametrize(
    ("riff", "data"),
    [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (8, 0)],
    ids=["ffmpeg", "sox", "never closed"],
)
def test_a_wav_written_into_a_pipe_is_whole(tmp_path, riff, data):
    path = set_sizes(write(tmp_path / "streamed.wav"), riff, data)
    assert np.array_equal(read_audio(path).waveform, noise() / 2.0**15)


def test_mono_is_the_mean_of_the_channels(tmp_path):
    samples = noise(channels=3)
    audio = read_audio(write(tmp_path / "three.wav", samples))
    assert audio.mono.shape == (4000,)
    assert audio.mono.dtype == np.float32
    assert np.allclose(audio.mono, samples.mean(axis=1) / 2**15, atol=1e-6)


def test_one_channel_is_mono_already(tmp_path):
    audio = read_audio(write(tmp_path / "one.wav"))
    assert np.array_equal(audio.mono, audio.waveform[:, 0])


def test_a_flac_copy_has_the_hash_of_its_wav(tmp_path):
    wav, flac = write(tmp_path / "a.wav"), write(tmp_path / "b.flac")
    assert wav.read_bytes() != flac.read_bytes()
    assert read_audio(wav).content_hash == read_audio(flac).content_hash


def test_the_tags_of_a_file_do_not_count_in_its_hash(tmp_path):
    plain = write(tmp_path / "plain.wav")
    tagged = tmp_path / "tagged.wav"
    with soundfile.SoundFile(tagged, "w", RATE, 1, "PCM_16") as file:
        file.title = "angry"
        file.write(noise())
    assert plain.read_bytes() != tagged.read_bytes()
    assert read_audio(plain).content_hash == read_audio(tagged).content_hash


@given(
    frame=st.integers(0, 99),
    channel=st.integers(0, 1),
    change=st.sampled_from([2**-15, -(2**-15), 0.25]),
)
@settings(deadline=None, max_examples=30)
def test_the_least_change_of_one_sample_changes_the_hash(frame, channel, change):
    samples = np.float32(noise(100, 2) / 2**15)
    changed = samples.copy()
    changed[frame, channel] += change
    assert Audio(samples, RATE).content_hash != Audio(changed, RATE).content_hash
    assert Audio(samples, RATE).content_hash == Audio(samples.copy(), RATE).content_hash


def test_rate_and_channels_count_in_the_hash():
    samples = noise(100, 2).astype(np.float32)
    hashes = {
        Audio(samples, 16000).content_hash,
        Audio(samples, 8000).content_hash,
        Audio(samples.reshape(200, 1), 16000).content_hash,
        Audio(samples.reshape(50, 4), 16000).content_hash,
    }
    assert len(hashes) == 4
