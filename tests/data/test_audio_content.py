"""What a decoded recording is judged by: its channels, its scale, its format."""

from pathlib import Path

import numpy as np
import pytest
from error_facts import words_in
from recordings import noise, reason_for, refusal_of, write

from serbench.data.audio import read_audio


def test_channels_that_cancel_each_other_are_silent(tmp_path):
    left = noise()
    path = write(tmp_path / "antiphase.wav", np.hstack([left, -left]))
    assert reason_for(path).startswith("silent mean of the channels")


def test_channels_that_nearly_cancel_each_other_are_silent(tmp_path):
    left = noise()
    path = write(tmp_path / "antiphase.wav", np.hstack([left, 1 - left]))
    assert reason_for(path).startswith("silent mean of the channels")


@pytest.mark.parametrize("silence", [0, 5], ids=["zeros", "an offset"])
def test_a_dead_channel_is_named(tmp_path, silence):
    dead = np.full((4000, 1), silence, np.int16)
    audio = read_audio(write(tmp_path / "dead.wav", np.hstack([dead, noise(), dead])))
    (remark,) = audio.remarks
    assert remark.kind == "dead-channel"
    assert {"1", "3"} <= words_in(remark.text)
    assert "2" not in words_in(remark.text)


def test_channels_that_both_sound_need_no_word(tmp_path):
    samples = np.hstack([noise(seed=1), noise(seed=2) // 100])
    assert read_audio(write(tmp_path / "stereo.wav", samples)).remarks == ()


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_on_the_scale_of_integers_are_divided(tmp_path, subtype):
    pcm = read_audio(write(tmp_path / "pcm.wav"))
    audio = read_audio(write(tmp_path / "float.wav", noise().astype(float), subtype))
    assert audio.content_hash == pcm.content_hash
    (remark,) = audio.remarks
    assert remark.kind == "scale"
    assert f"{np.abs(noise()).max():,}" in remark.text


@pytest.mark.parametrize("peak", [1.0, 4.0, 15.9])
def test_a_loud_recording_is_no_other_scale(tmp_path, peak):
    samples = noise() / np.abs(noise()).max() * peak
    audio = read_audio(write(tmp_path / "loud.wav", samples, "FLOAT"))
    assert np.abs(audio.waveform).max() == np.float32(peak)
    assert audio.remarks == ()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("peak", [1e5, 8e6, 3.4e38])
def test_samples_that_no_arithmetic_survives_are_refused(tmp_path, channels, peak):
    samples = noise(channels=channels) / 2.0**14 * peak
    error = refusal_of(write(tmp_path / "huge.wav", samples, "FLOAT"))
    assert error.reason == "samples far beyond full scale"
    assert "peak" in error.detail


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("memo.m4a", b"\0\0\0\x20ftypM4A " + bytes(100), ("m4a", "convert")),
        ("clip.webm", b"\x1a\x45\xdf\xa3" + bytes(100), ("webm", "convert")),
        ("clip.wma", b"no header", ("wma", "convert")),
        ("clip.wav", b"\0\0\0\x20ftypM4A " + bytes(100), ("MPEG-4", ".wav", "convert")),
        ("clip", b"#!AMR\n" + bytes(100), ("AMR", "convert")),
        ("clip.m4a", b"#!AMR\n" + bytes(100), ("AMR", ".m4a", "convert")),
    ],
)
def test_a_format_that_libsndfile_cannot_read_is_named_by_content_and_name(
    tmp_path, name, content, named, without_pyav
):
    (tmp_path / name).write_bytes(content)
    reason = reason_for(tmp_path / name)
    assert all(word in reason for word in named)


def test_a_recording_that_is_only_named_otherwise_is_read(tmp_path):
    path = write(tmp_path / "clip.wav").rename(tmp_path / "clip.m4a")
    assert read_audio(path).container == "WAV"


CASES = Path(__file__).parents[3] / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not here")
@pytest.mark.parametrize(
    ("case", "frames"),
    [
        ("flac-ffmpeg-pipe/03-01-03-01-01-01-01.flac", 48000),
        ("gsm-ffmpeg/03-01-04-01-01-02-01.wav", 8320),
        ("mp3-no-xing-called-truncated/nox.mp3", 187776),
        ("stereo-downmix/dead-channel.wav", 4800),
    ],
)
def test_a_collected_recording_is_read_to_its_end(case, frames):
    assert len(read_audio(CASES / case).waveform) == frames


@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not here")
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("wav-f32-overflow-nan/03-01-03-01-01-01-01.wav", "samples far beyond full scale"),
        ("stereo-downmix/antiphase.wav", "silent mean of the channels"),
        ("unread-formats/m4a-only/memo.m4a", "libsndfile cannot read m4a: convert"),
    ],
)
def test_a_collected_recording_is_refused_with_the_reason(case, reason, without_pyav):
    assert reason_for(CASES / case).startswith(reason)
