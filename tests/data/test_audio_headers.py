"""What a file holds is read to its end, whatever its header declares."""

import io
import struct

import numpy as np
import pytest
import soundfile

from serbench.data.audio import read_audio
from serbench.data.formats import AUDIO_EXTENSIONS
from serbench.errors import AudioError

RATE = 16000
FRAMES = 4000
SAMPLES = np.random.default_rng(0).integers(-16000, 16000, FRAMES).astype(np.int16)
EXPECTED = (SAMPLES / 2.0**15).astype(np.float32)

# Where each container has the length of its samples: a name before it, or a place; its format;
# what it counts besides the samples.
FIELDS = {
    "WAV": (b"data", 0, "<I", 0),
    "WAVEX": (b"data", 0, "<I", 0),
    "AIFF": (b"SSND", 0, ">I", 8),
    "CAF": (b"data", 0, ">q", 4),
    "W64": (b"data\xf3\xac\xd3\x11", 8, "<q", 24),
    "RF64": (b"ds64", 12, "<q", 0),
    "AU": (b".snd", 4, ">I", 0),
}
SUFFIXES = {"WAVEX": ".wav", "MP3": ".mp3"}


def made(container, subtype="PCM_16", samples=SAMPLES, **options):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, subtype, format=container, **options)
    return file.getvalue()


def declaring(container, length, content=None):
    """The container with another length of its samples in its header."""
    content = bytearray(made(container) if content is None else content)
    name, gap, layout, counted = FIELDS[container]
    place = content.index(name) + len(name) + gap
    struct.pack_into(layout, content, place, length if length < 0 else length + counted)
    return bytes(content)


@pytest.fixture
def read(tmp_path):
    """``read(content, ".wav")`` reads a file that holds it."""

    def read_content(content, suffix, **limit):
        path = tmp_path / f"recording{suffix}"
        path.write_bytes(content)
        return read_audio(path, **limit)

    return read_content


def suffix_of(container):
    return SUFFIXES.get(container, f".{container.lower()}")


def refused(read, content, suffix):
    with pytest.raises(AudioError) as refusal:
        read(content, suffix)
    return refusal.value


@pytest.mark.parametrize("container", FIELDS)
@pytest.mark.parametrize("declared", [0, 2, FRAMES, 2 * FRAMES - 2, 2 * FRAMES + 1])
def test_a_wrong_length_is_not_believed_and_named(read, container, declared):
    audio = read(declaring(container, declared), suffix_of(container))
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    (remark,) = audio.remarks
    assert remark.kind == "header"
    assert f"{declared:,} bytes" in remark.text
    assert f"{2 * FRAMES:,}" in remark.text


@pytest.mark.parametrize("container", FIELDS)
def test_a_true_length_needs_no_word(read, container):
    audio = read(made(container), suffix_of(container))
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    assert audio.remarks == ()


@pytest.mark.parametrize(
    ("container", "length"),
    [
        ("WAV", 0xFFFFFFFF),
        ("WAV", 0x7FFFF000),
        ("WAV", 0x80000000),
        ("AIFF", 0x7FFFF000),
        ("AU", 0xFFFFFFFF),
        ("CAF", -1),
        ("RF64", -1),
    ],
)
def test_a_placeholder_for_an_unknown_length_is_no_error(read, container, length):
    audio = read(declaring(container, length), suffix_of(container))
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    assert audio.remarks == ()


@pytest.mark.parametrize("excess", [0, -8])
def test_the_length_of_the_file_in_the_place_of_the_samples_is_no_cut(read, excess):
    content = made("WAV")
    audio = read(declaring("WAV", len(content) + excess), ".wav")
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)


@pytest.mark.parametrize("container", FIELDS)
@pytest.mark.parametrize("missing", [2, FRAMES])
def test_a_file_that_was_cut_is_refused_with_both_lengths(read, container, missing):
    error = refused(read, made(container)[:-missing], suffix_of(container))
    assert error.reason == "truncated"
    assert "declares" in error.detail
    assert error.facts["detail"] == error.detail


@pytest.mark.parametrize(
    "after",
    [
        b"LIST\x04\0\0\0abcd",
        b"LIST\x03\0\0\0abc\0id3 \x02\0\0\0xy",
        b"TAG" + bytes(125),
        bytes(4096),
        b"\0",
        b"LIST\xff\0\0\0cut",
    ],
    ids=["a chunk", "two chunks", "a tag", "zeros", "a pad byte", "a chunk that was cut"],
)
def test_chunks_after_the_samples_are_not_samples(read, after):
    audio = read(made("WAV") + after, ".wav")
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    assert audio.remarks == ()


@pytest.mark.parametrize("pad", [b"\0", b""], ids=["filled up", "not filled up"])
def test_a_chunk_after_an_odd_number_of_bytes_is_no_samples(read, pad):
    content = made("WAV", "PCM_U8", SAMPLES[:-1])
    content = content[: content.index(b"data") + 8 + FRAMES - 1]  # without libsndfile's own
    audio = read(content + pad + b"unkn\x04\0\0\0abcd", ".wav")
    assert len(audio.waveform) == FRAMES - 1
    assert audio.remarks == ()


def without_total(content, total=0):
    """A FLAC with another number of samples in its header."""
    facts = int.from_bytes(content[18:26], "big") >> 36 << 36 | total
    return content[:18] + facts.to_bytes(8, "big") + content[26:]


@pytest.mark.parametrize("total", [0, 1, FRAMES // 2, FRAMES - 1, FRAMES + 1, (1 << 36) - 1])
def test_a_flac_is_read_to_its_end(read, total):
    audio = read(without_total(made("FLAC"), total), ".flac")
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    assert [remark.kind for remark in audio.remarks] == (["header"] if total else [])


@pytest.mark.parametrize(
    "around", [(b"", b"TAG" + bytes(125)), (b"ID3\x03\0\0\0\0\0\x05abcde", b"")]
)
def test_tags_around_a_flac_are_no_samples(read, around):
    before, after = around
    audio = read(before + made("FLAC") + after, ".flac")
    assert np.array_equal(audio.waveform[:, 0], EXPECTED)
    assert audio.remarks == ()


def test_a_flac_of_unknown_length_that_was_cut_is_damaged(read):
    content = without_total(made("FLAC"))
    assert refused(read, content[: len(content) // 2], ".flac").reason == "damaged"


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32"])
def test_what_cannot_be_moved_in_is_read_forwards(read, subtype):
    content = made("WAV", subtype)
    audio = read(content, ".wav")
    streamed = read(declaring("WAV", 0xFFFFFFFF, content), ".wav")
    assert len(audio.waveform) >= FRAMES
    assert np.array_equal(audio.waveform, streamed.waveform)


def variable_mp3(rate=RATE):
    """Quiet noise, then loud noise, at the bit rates that they need."""
    loudness = np.repeat([0.0005, 0.4], (rate * 2, rate * 4))
    noise = loudness * np.random.default_rng(0).standard_normal(rate * 6)
    file = io.BytesIO()
    file.name = "variable.mp3"
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}
    with soundfile.SoundFile(file, "w", rate, 1, "MPEG_LAYER_III", **options) as mp3:
        mp3.write(noise)
    return file.getvalue(), len(noise)


def without_count(content):
    """The MP3 without its first frame, which counts the others."""
    return content[content.index(content[:2], 20) :]


@pytest.mark.parametrize("rate", [16000, 44100], ids=["MPEG-2", "MPEG-1"])
def test_an_mp3_without_a_frame_count_is_read_to_its_end(read, rate):
    content, frames = variable_mp3(rate)
    counted, uncounted = read(content, ".mp3"), read(without_count(content), ".mp3")
    assert len(counted.waveform) == frames
    assert frames < len(uncounted.waveform) < frames + 3 * 1152
    assert counted.remarks == uncounted.remarks == ()


def test_an_mp3_of_which_more_follows_than_was_counted_is_read_to_its_end(read):
    content, frames = variable_mp3()
    audio = read(content + without_count(content), ".mp3")
    assert len(audio.waveform) > 2 * frames


@pytest.mark.parametrize("junk", [b"TAG" + bytes(125), b"APETAGEX" + bytes(range(256)) * 8])
def test_tags_after_an_mp3_are_no_frames(read, junk):
    content, _ = variable_mp3()
    uncounted = without_count(content)
    assert np.array_equal(read(uncounted + junk, ".mp3").waveform, read(uncounted, ".mp3").waveform)


@pytest.mark.parametrize("rate", [16000, 44100], ids=["MPEG-2", "MPEG-1"])
def test_an_mp3_is_recognised_by_its_content(read, rate):
    content, _ = variable_mp3(rate)
    named = read(content, ".wav")
    assert named.container == "MP3"
    assert np.array_equal(named.waveform, read(content, ".mp3").waveform)


def test_a_counted_mp3_that_was_cut_is_truncated(read):
    content, _ = variable_mp3()
    assert refused(read, content[: len(content) // 2], ".mp3").reason == "truncated"


def test_the_samples_of_a_recording_are_bounded(read):
    assert len(read(made("WAV"), ".wav", limit=FRAMES).waveform) == FRAMES
    samples = np.append(SAMPLES, SAMPLES[:1])
    for container in ("WAV", "FLAC"):
        with pytest.raises(AudioError) as error:
            read(made(container, samples=samples), suffix_of(container), limit=FRAMES)
        assert error.value.reason.startswith("longer than")


def test_a_file_too_large_for_the_memory_is_not_taken_into_it(read):
    content = made("WAV", "DOUBLE")
    assert len(read(content, ".wav", limit=FRAMES).waveform) == FRAMES
    with pytest.raises(AudioError) as error:
        read(declaring("WAV", 0, content), ".wav", limit=FRAMES)
    assert error.value.reason.startswith("longer than")


@pytest.mark.parametrize("name", sorted(AUDIO_EXTENSIONS))
def test_what_has_no_header_is_no_recording_whatever_its_name(read, name):
    content = np.random.default_rng(1).integers(0, 100, 5000).astype(np.uint8).tobytes()
    assert refused(read, content, name).reason == "not audio that libsndfile can read"


@pytest.mark.parametrize("rate", [1, 999, 2_000_000])
def test_a_rate_of_no_recording_is_refused(read, rate):
    content = bytearray(made("WAV"))
    struct.pack_into("<I", content, 24, rate)
    error = refused(read, bytes(content), ".wav")
    assert error.reason == "impossible sample rate"
    assert f"{rate:,} Hz" in error.detail
