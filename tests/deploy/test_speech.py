"""Detection of speech."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from serbench.builtin.espeak import Line, record
from serbench.deploy.speech import (
    LevelDetector,
    SileroDetector,
    speech_detector,
    with_speech,
)

RATE = 8000


def sound(*levels):
    """Half a second of noise at each root mean square."""
    chance = np.random.default_rng(0)
    parts = [level * chance.standard_normal(RATE // 2) for level in levels]
    return np.concatenate(parts).astype(np.float32)


def test_by_level_the_loud_parts_are_speech():
    found = LevelDetector().speech(sound(0.1, 0.0, 0.05, 0.001, 0.1), RATE)
    expected = [(0, 0.5), (1, 1.5), (2, 2.5)]
    assert np.array(found) == pytest.approx(np.array(expected), abs=0.03)


@pytest.mark.parametrize("gain", [1, 0.1, 4])
def test_the_level_is_relative_to_the_loudest_part(gain):
    waveform = np.float32(gain) * sound(0.1, 0.0005, 0.1)
    assert len(LevelDetector().speech(waveform, RATE)) == 2


def test_a_recording_that_is_faint_throughout_has_no_speech_by_level():
    assert LevelDetector().speech(sound(0.0005), RATE) == []
    assert LevelDetector().speech(np.zeros(RATE, np.float32), RATE) == []


spans = st.lists(st.floats(0, 20), max_size=8, unique=True).map(
    lambda times: list(zip(sorted(times)[::2], sorted(times)[1::2], strict=False))
)


@given(spans, st.floats(0, 20), st.floats(0.01, 5))
def test_a_window_is_answered_if_enough_of_it_is_speech(speech, start, length):
    end = start + length
    covered = sum(max(min(end, last) - max(start, first), 0) for first, last in speech)
    least = min(0.25, (end - start) / 2)
    [found] = with_speech(speech, np.array([start]), np.array([end]))
    if abs(covered - least) > 1e-9:
        assert found == (covered > least)


def test_the_detector_depends_on_what_is_installed(monkeypatch):
    missing = {"silero_vad"}
    monkeypatch.setattr(
        "serbench.deploy.speech.find_spec", lambda name: None if name in missing else object()
    )
    assert isinstance(speech_detector(), LevelDetector)
    missing.clear()
    assert isinstance(speech_detector(), SileroDetector)


def test_silero_finds_the_speech_between_silence_and_keeps_the_threads(tmp_path):
    pytest.importorskip("silero_vad")
    threads = torch.get_num_threads()
    record(
        [Line("a.wav", "This is a rather long sentence.", "en-us", 160, 100, 50, 50, 0)], tmp_path
    )
    waveform, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    silence = np.zeros(rate, np.float32)
    whole = np.concatenate([silence, waveform, silence])
    found = SileroDetector().speech(whole, rate)
    assert torch.get_num_threads() == threads
    assert 0.8 <= found[0][0] < found[-1][1] <= 1.2 + len(waveform) / rate
    assert sum(end - start for start, end in found) > 0.3 * len(waveform) / rate
    chance = np.random.default_rng(0)
    assert SileroDetector().speech(chance.normal(0, 0.1, rate).astype(np.float32), rate) == []
