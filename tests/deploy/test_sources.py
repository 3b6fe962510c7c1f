"""Sound from files, pipes and microphones."""

import os
import signal
import struct
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from serbench.deploy import sources
from serbench.deploy.sources import FileSource, StreamSource, microphone
from serbench.errors import AudioError, SerbenchError, UsageError

RATE = 8000


def noise(seconds=1.1, channels=1):
    chance = np.random.default_rng(0)
    return chance.uniform(-0.5, 0.5, (int(seconds * RATE), channels)).astype(np.float32)


def wav(path, sound):
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path.read_bytes()


@contextmanager
def pipe(content):
    """The reading end of a pipe that receives some bytes."""
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    yield reading
    os.close(reading)
    thread.join()


def lengths(blocks):
    return [len(block) for block in blocks]


def test_a_file_arrives_in_blocks_of_which_the_last_is_shorter(tmp_path):
    wav(tmp_path / "a.wav", noise())
    source = FileSource.open(tmp_path / "a.wav", "mean")
    blocks = list(source.blocks(0.5))
    assert (source.sample_rate, lengths(blocks)) == (RATE, [4000, 4000, 800])
    whole, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("declared", [None, 0xFFFFFFFF, 0x7FFFFFFF])
def test_wav_is_read_from_a_pipe_whatever_length_its_header_declares(tmp_path, declared):
    content = bytearray(wav(tmp_path / "a.wav", noise(channels=2)))
    if declared is not None:
        place = content.find(b"data") + 4
        content[place : place + 4] = declared.to_bytes(4, "little")
    with pipe(content) as reading:
        source = StreamSource.open(reading, None, "right")
        assert source.sample_rate == RATE
        blocks = list(source.blocks(0.5))
    assert lengths(blocks) == [4000, 4000, 800]
    whole, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_array_equal(np.concatenate(blocks), whole[:, 1])


def test_samples_without_a_header_are_mono_of_16_bits():
    samples = np.array([0, 1, -32768, 16384] * 50, "<i2")
    with pipe(samples.tobytes()) as reading:
        [block] = StreamSource.open(reading, RATE, "mean").blocks(1)
    np.testing.assert_array_equal(block, (samples / 32768).astype(np.float32))


FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
NO_SAMPLES = b"RIFF\x24\0\0\0WAVE" + FORMAT + b"data\0\0\0\0"


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, NO_SAMPLES + bytes(500)])
def test_a_pipe_without_readable_sound_is_an_error(content):
    with pipe(content) as reading, pytest.raises(AudioError):
        StreamSource.open(reading, None, "mean")


@pytest.mark.parametrize("rate", [None, 16_000], ids=["header", "samples"])
def test_ctrl_c_ends_the_waiting_for_a_pipe_without_data(rate):
    reading, writing = os.pipe()
    thread = threading.main_thread().ident

    def wait():
        threading.Timer(0.2, signal.pthread_kill, (thread, signal.SIGINT)).start()
        list(StreamSource.open(reading, rate, "mean").blocks(0.5))

    try:
        with pytest.raises(KeyboardInterrupt):
            wait()
    finally:
        os.close(writing)  # so that the thread that waits ends


def test_a_pipe_is_refused_for_a_missing_channel_or_an_impossible_rate(tmp_path):
    with pipe(wav(tmp_path / "a.wav", noise(channels=2))) as reading:
        with pytest.raises(AudioError) as error:
            list(StreamSource.open(reading, None, "3").blocks(0.5))
        assert error.value.kind == "channel"
    with pytest.raises(UsageError):
        StreamSource.open(-1, 3, "mean")
    with pytest.raises(UsageError):
        StreamSource.open(-1, None, "both")


def test_samples_that_are_not_numbers_are_an_error(tmp_path):
    sound = noise()
    sound[5000] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    with pipe((tmp_path / "a.wav").read_bytes()) as reading:
        blocks = StreamSource.open(reading, None, "mean").blocks(0.5)
        assert len(next(blocks)) == 4000
        with pytest.raises(AudioError):
            next(blocks)


@pytest.fixture
def device(monkeypatch):
    """A module ``sounddevice`` with one microphone of two channels; gives what it was asked for."""
    asked = {}

    class Stream:
        def __init__(self, **facts):
            asked.update(facts)

        def __enter__(self):
            for part in asked.get("parts", []):
                asked["callback"](part, len(part), None, None)

        def __exit__(self, *_):
            asked["closed"] = True

    def query_devices(device, kind):
        if device not in (None, 0, "Built"):
            raise ValueError(f"No input device\nmatching {device!r}")
        return {"name": "Built-in", "max_input_channels": 2, "default_samplerate": 8000.0}

    module = SimpleNamespace(
        query_devices=query_devices, InputStream=Stream, PortAudioError=OSError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return asked


@pytest.mark.parametrize(("channel", "channels"), [("mean", 1), ("left", 1), ("right", 2)])
def test_a_microphone_is_opened_at_its_own_rate_with_the_channels_it_needs(
    device, channel, channels
):
    sound = noise(channels=channels)
    device["parts"] = [sound[start : start + 300] for start in range(0, len(sound), 300)]
    with microphone("0", channel) as source:
        assert (source.name, source.sample_rate) == ("Built-in", 8000)
        assert (device["device"], device["channels"], device["samplerate"]) == (0, channels, 8000)
        block = next(source.blocks(0.5))
    np.testing.assert_array_equal(block, sound[:, -1])  # all that has arrived
    assert device["closed"]


def test_a_microphone_that_is_lost_is_an_error(device, monkeypatch):
    monkeypatch.setattr(sources, "LOST_SECONDS", 0.01)
    with microphone("Built", "mean") as source, pytest.raises(SerbenchError) as error:
        next(source.blocks(0.5))
    assert error.value.facts == {"device": "Built-in"}


@pytest.mark.parametrize(("name", "channel"), [("7", "mean"), ("USB", "mean"), (None, "3")])
def test_no_such_microphone_or_channel_is_one_line(device, name, channel):
    with pytest.raises(SerbenchError) as error, microphone(name, channel):
        pass
    assert "\n" not in str(error.value)
    assert "device" in error.value.facts


def test_without_sounddevice_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SerbenchError) as error, microphone(None, "mean"):
        pass
    assert error.value.facts == {"package": "sounddevice"}
