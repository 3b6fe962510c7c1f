"""The level of clips: of no gain, measured as the standard has it, over the recording alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from serbench.data.level import levelled

RATE = 48_000
SHELF = (
    [1.53512485958697, -2.69169618940638, 1.19839281085285],
    [1, -1.69065929318241, 0.73248077],
)
HIGH_PASS = ([1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621])
"""The two filters of ITU-R BS.1770-4, tables 1 and 2, at 48 kHz."""


def speech(seconds=1.0, rate=RATE, seed=0):
    """Noise in bursts, as syllables are."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    return (random.normal(size=len(times)) * (0.1 + np.sin(9 * times) ** 2)).astype(np.float32)


def rms(waveform):
    return np.sqrt(np.mean(np.square(waveform.astype(np.float64))))


def loudness(waveform):
    """Integrated loudness in LUFS, written from the standard for one channel at 48 kHz."""
    weighted = lfilter(*HIGH_PASS, lfilter(*SHELF, waveform.astype(np.float64)))
    block, step = round(0.4 * RATE), round(0.1 * RATE)
    starts = range(0, len(weighted) - block + 1, step)
    powers = np.array([np.mean(weighted[start : start + block] ** 2) for start in starts])
    powers = powers[-0.691 + 10 * np.log10(powers) > -70]
    relative = -0.691 + 10 * np.log10(powers.mean()) - 10
    powers = powers[-0.691 + 10 * np.log10(powers) > relative]
    return -0.691 + 10 * np.log10(powers.mean())


@pytest.mark.parametrize("level", ["rms", "ebu"])
@given(decibels=st.floats(-300, 300))
def test_the_gain_of_a_recording_has_no_influence(level, decibels):
    waveform = speech(0.5)
    louder = (waveform.astype(np.float64) * 10 ** (decibels / 20)).astype(np.float32)
    assert np.allclose(
        levelled(louder, RATE, level), levelled(waveform, RATE, level), rtol=1e-4, atol=1e-6
    )


@given(
    length=st.integers(1, 3000),
    scale=st.sampled_from([1e-44, 1e-20, 1e-3, 1.0, 1e20, 1e38]),
    level=st.sampled_from(["rms", "ebu"]),
)
def test_every_sound_comes_to_a_finite_level(length, scale, level):
    waveform = (np.random.default_rng(length).uniform(0.1, 1, length) * scale).astype(np.float32)
    found = levelled(waveform, 8000, level)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert rms(levelled(waveform, 8000, "rms")) == pytest.approx(10 ** (-26 / 20), rel=1e-3)


def test_nothing_is_clipped():
    click = np.zeros(16_000, np.float32)
    click[100] = 0.5
    found = levelled(click, 16_000, "rms")
    assert found.max() == pytest.approx(10 ** (-26 / 20) * np.sqrt(16_000), rel=1e-5)


@pytest.mark.parametrize("level", ["keep", "rms", "ebu"])
def test_digital_silence_stays_as_it_is(level):
    silence = np.zeros(8000, np.float32)
    assert np.array_equal(levelled(silence, 8000, level), silence)


def test_kept_levels_are_the_recordings_own():
    waveform = speech()
    assert levelled(waveform, RATE, "keep") is waveform


def test_the_recording_is_not_changed():
    waveform = speech()
    before = waveform.copy()
    levelled(waveform, RATE, "ebu")
    assert np.array_equal(waveform, before)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.3])
def test_the_loudness_is_that_of_the_standard(seconds):
    waveform = speech(seconds)
    assert loudness(levelled(waveform, RATE, "ebu")) == pytest.approx(-23, abs=0.05)


def test_pauses_do_not_count_for_loudness():
    waveform = speech(2.0)
    pause = np.zeros(4 * RATE, np.float32)
    longer = np.concatenate([waveform, pause])
    alone, with_pause = (
        rms(levelled(each, RATE, "ebu")[: 2 * RATE]) for each in (waveform, longer)
    )
    assert with_pause == pytest.approx(alone, rel=0.03)
    alone, with_pause = (
        rms(levelled(each, RATE, "rms")[: 2 * RATE]) for each in (waveform, longer)
    )
    assert with_pause == pytest.approx(np.sqrt(3) * alone, rel=1e-3)


def test_a_recording_shorter_than_a_block_counts_whole():
    tone = np.sin(2 * np.pi * 1000 * np.arange(0.2 * RATE) / RATE).astype(np.float32)
    repeated = np.tile(levelled(tone, RATE, "ebu"), 2)
    assert loudness(repeated) == pytest.approx(-23, abs=0.05)


def test_what_is_below_the_gate_of_loudness_has_the_level_of_rms():
    constant = np.full(8000, 0.3, np.float32)  # the filters leave nothing of it
    assert rms(levelled(constant, 8000, "ebu")) > 0
    short = np.full(3, 0.25, np.float32)
    assert np.isfinite(levelled(short, 8000, "ebu")).all()
