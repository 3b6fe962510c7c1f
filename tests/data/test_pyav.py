"""Recordings that libsndfile cannot read: decoded where PyAV is installed, else refused."""

from contextlib import suppress

import av
import numpy as np
import pytest
from error_facts import words_in
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scanning import anger, scanned, write

from serbench.data.audio import read_audio
from serbench.data.doctor.inspection import inspect
from serbench.errors import AudioError, DatasetError

FORMATS = {
    "m4a": ("aac", 16000, "ipod"),
    "mp4": ("aac", 44100, "mp4"),
    "3gp": ("aac", 8000, "3gp"),
    "webm": ("libopus", 48000, "webm"),
    "mka": ("flac", 16000, "matroska"),
    "aac": ("aac", 16000, "adts"),
    "amr": ("libopencore_amrnb", 8000, "amr"),
    "wv": ("wavpack", 16000, "wv"),
    "ac3": ("ac3", 48000, "ac3"),
}
LOSSLESS = {"mka", "wv"}
PITCH = 220


def encode(path, ending, layout="mono", seconds=1.0, left=1.0):
    """A tone of half of full scale."""
    codec, rate, container = FORMATS[ending]
    tone = 0.5 * np.sin(2 * np.pi * PITCH * np.arange(round(rate * seconds)) / rate)
    channels = [tone * left, tone][: 2 if layout == "stereo" else 1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(np.float32(channels), format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format.name, layout, rate)
        fifo = av.AudioFifo()
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        while (block := fifo.read(size, partial=True)) is not None:
            file.mux(stream.encode(block))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", FORMATS)
def test_a_recording_of_every_format_is_decoded(tmp_path, ending):
    audio = read_audio(encode(tmp_path / f"a.{ending}", ending))
    rate = FORMATS[ending][1]
    frames, channels = audio.waveform.shape
    assert (audio.sample_rate, channels) == (rate, 1)
    assert rate <= frames <= 1.16 * rate
    assert ending not in LOSSLESS or frames == rate
    spectrum = np.abs(np.fft.rfft(audio.mono))
    assert spectrum.argmax() * rate / frames == pytest.approx(PITCH, abs=2)
    middle = audio.mono[rate // 4 : -rate // 4]
    expected = pytest.approx(0.5 / np.sqrt(2), rel=0.3 if ending == "amr" else 0.05)
    assert np.sqrt(np.mean(middle**2)) == expected
    assert audio.content_hash == read_audio(tmp_path / f"a.{ending}").content_hash


def test_both_channels_of_a_recording_are_decoded(tmp_path):
    audio = read_audio(encode(tmp_path / "a.mka", "mka", "stereo", left=0.5))
    first, second = np.abs(audio.waveform).max(axis=0)
    assert audio.waveform.shape == (16000, 2)
    assert first == pytest.approx(second / 2, rel=0.01)


def test_channels_that_cancel_each_other_are_refused(tmp_path):
    with pytest.raises(AudioError) as refusal:
        read_audio(encode(tmp_path / "b.mka", "mka", "stereo", left=-1.0))
    assert refusal.value.kind == "channels-cancel"


@pytest.mark.parametrize("ending", ["mka", "webm"])
def test_half_of_a_recording_is_truncated(tmp_path, ending):
    whole = encode(tmp_path / f"a.{ending}", ending, seconds=4.0).read_bytes()
    (tmp_path / f"a.{ending}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / f"a.{ending}")
    assert refusal.value.reason == "truncated"


def test_an_m4a_without_its_end_cannot_be_read(tmp_path):
    whole = encode(tmp_path / "a.m4a", "m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / "a.m4a")
    assert refusal.value.kind == "format"


def test_an_estimated_length_does_not_make_a_recording_truncated(tmp_path):
    """Frames of silence are short, so that what begins loud seems to be long."""
    path = encode(tmp_path / "a.aac", "aac", seconds=2.0)
    loud = path.read_bytes()
    quiet = encode(tmp_path / "b.aac", "aac", seconds=6.0, left=0.0).read_bytes()
    for content in (quiet + loud, loud + quiet):
        path.write_bytes(content)
        assert len(read_audio(path).waveform) >= 8 * 16000


def test_a_video_without_sound_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / "a.mp4")
    assert refusal.value.reason == "a file without a sound track"


def test_a_playlist_opens_no_other_file(tmp_path):
    other = encode(tmp_path / "other.aac", "aac")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:1.0,", str(other), "#EXT-X-ENDLIST", ""]
    (tmp_path / "a.m4a").write_text("\n".join(lines))
    with pytest.raises(AudioError):
        read_audio(tmp_path / "a.m4a")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    endings = ("m4a", "webm", "amr", "wv")
    return {e: encode(folder / f"a.{e}", e, seconds=0.1).read_bytes() for e in endings}


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_whatever_is_in_a_file_is_read_or_refused(recordings, tmp_path_factory, data):
    ending = data.draw(st.sampled_from(sorted(recordings)))
    content = bytearray(recordings[ending])
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"odd.{ending}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with suppress(AudioError):
        assert len(read_audio(path).waveform)


def test_a_scan_keeps_such_recordings_and_the_doctor_finds_nothing_in_them(tmp_path):
    encode((tmp_path / anger(1)).with_suffix(".m4a"), "m4a")
    (tmp_path / anger(2)).with_suffix(".webm").write_bytes(bytes(100))
    encode((tmp_path / anger(3)).with_suffix(".mp4"), "mp4")
    found = scanned(tmp_path)
    (utterance,) = found.manifest.utterances
    assert utterance.sample_rate == 16000
    skipped = {skip.path[-4:]: (skip.defective, skip.kind) for skip in found.skipped}
    assert skipped == {"webm": (True, "format"), ".mp4": (False, "unusable")}
    kinds = {each.kind for each in inspect(found.manifest, {})}
    assert "format" not in kinds


def test_without_pyav_such_a_recording_is_skipped_with_what_to_do(tmp_path, without_pyav):
    path = encode((tmp_path / anger(1)).with_suffix(".m4a"), "m4a")
    with pytest.raises(DatasetError) as refusal:
        scanned(tmp_path)
    write(tmp_path / anger(2))
    (skip,) = scanned(tmp_path).skipped
    assert (skip.path, skip.defective, skip.kind) == (str(path), True, "format")
    with pytest.raises(AudioError) as unread:
        read_audio(path)
    assert unread.value.kind == "format"
    for text in (refusal.value, skip.reason, unread.value.reason):
        assert {"m4a", "convert", "pip", "install", "av"} <= words_in(text)
