"""Each augmentation changes clips according to its name, within its width."""

import math

import numpy as np
import pytest
import serbench_audiomentations as plugin
import torch

SAMPLES = 32768
N_CLIPS = 24


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def augmentation(name):
    registered = []
    plugin.register_augmentations(registered.append)
    return next(each for each in registered if each.name == name)


def changed(name, clip, width, n_clips=N_CLIPS):
    """``n_clips`` independent changes of ``clip``: ``[n_clips, samples]``."""
    return augmentation(name).apply(clip.repeat(n_clips, 1), width, seeded())


def sine(cycles):
    return torch.sin(2 * math.pi * cycles * torch.arange(SAMPLES) / SAMPLES)


def noise():
    return 0.1 * torch.randn(SAMPLES, generator=seeded(1))


def power(clips):
    """Power spectra ``[..., SAMPLES // 2 + 1]``."""
    return torch.fft.rfft(clips).abs().square()


def gain_db(clips, reference, low, high):
    """Gain over ``reference`` between two shares of the spectrum, in decibels."""
    band = slice(round(low * SAMPLES / 2), round(high * SAMPLES / 2))
    return 10 * torch.log10(power(clips)[..., band].sum(-1) / power(reference)[..., band].sum(-1))


def semitones(clips, cycles):
    """Interval between the strongest frequency and ``cycles``, without the edges, which fade."""
    window = torch.hann_window(SAMPLES)
    peaks = power(clips * window).argmax(-1)
    return 12 * torch.log2(peaks / cycles)


@pytest.mark.parametrize("width", [1.0, 4.0])
def test_pitch_shift_moves_a_sine_up_and_down_within_its_width(width):
    moved = semitones(changed("pitch-shift", sine(1000), width), 1000)
    assert moved.abs().max() <= width + 0.05
    assert moved.max() > 0.6 * width
    assert moved.min() < -0.6 * width


def test_a_shift_of_one_octave_doubles_the_frequency():
    octave = plugin.frozen(plugin.audiomentations.PitchShift(), num_semitones=12.0)
    shifted = torch.from_numpy(octave(sine(1000).numpy(), plugin.SAMPLE_RATE))
    assert semitones(shifted, 1000).item() == pytest.approx(12, abs=0.05)


def test_pitch_shift_keeps_the_tempo():
    for clip in changed("pitch-shift", pulses(), 4.0, n_clips=4):
        assert spacing(clip) == pytest.approx(SPACING, rel=0.02)


SPACING = 4096


def pulses():
    """A short burst every 4,096 samples."""
    clip = torch.zeros(SAMPLES)
    for start in range(SPACING // 2, SAMPLES, SPACING):
        clip[start : start + 32] = torch.hann_window(32)
    return clip


def spacing(clip):
    """Samples between two bursts: the maximum of the envelope's autocorrelation."""
    envelope = np.convolve(clip.numpy() ** 2, np.ones(256), mode="same")
    spectrum = np.fft.rfft(envelope - envelope.mean(), 2 * SAMPLES)
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)
    shortest = SPACING // 2
    return shortest + int(likeness[shortest : 2 * SPACING].argmax())


@pytest.mark.parametrize("rate", [0.7, 1.0, 1.3])
def test_time_stretch_changes_the_spacing_of_pulses(rate, monkeypatch):
    monkeypatch.setattr(plugin, "between", lambda low, high, generator: rate)
    (clip,) = changed("time-stretch", pulses(), 0.3, n_clips=1)
    assert spacing(clip[: round(SAMPLES / max(rate, 1))]) == pytest.approx(SPACING / rate, rel=0.02)


def test_time_stretch_is_faster_and_slower_within_its_width():
    width = 0.2
    draws = [plugin.time_stretch(width, seeded(seed)).parameters["rate"] for seed in range(100)]
    assert 1 - width <= min(draws) < 1 - 0.9 * width
    assert 1 + 0.9 * width < max(draws) <= 1 + width


def test_time_stretch_keeps_the_pitch():
    assert semitones(changed("time-stretch", sine(1000), 0.3), 1000).abs().max() < 0.1


def test_a_shortened_clip_is_extended_by_reflection_not_by_silence():
    for clip in changed("time-stretch", noise(), 0.3):
        assert clip[-1000:].square().mean() > 0.2 * noise().square().mean()


def test_low_pass_removes_the_top_of_the_spectrum_and_keeps_the_bottom():
    clip = noise()
    filtered = changed("low-pass", clip, 0.8)
    assert gain_db(filtered, clip, 0.0, 0.1).abs().max() < 1
    top = gain_db(filtered, clip, 0.9, 1.0)
    assert top.min() < -40
    assert top.max() < 0


def test_high_pass_removes_the_bottom_of_the_spectrum_and_keeps_the_top():
    clip = noise()
    filtered = changed("high-pass", clip, 0.1)
    assert gain_db(filtered, clip, 0.3, 1.0).abs().max() < 1
    bottom = gain_db(filtered, clip, 0.0, 0.01)
    assert bottom.min() < -40
    assert bottom.max() < 0


@pytest.mark.parametrize(("name", "width"), [("low-pass", 0.4), ("high-pass", 0.05)])
def test_no_cut_off_exceeds_the_width(name, width):
    """A Butterworth filter attenuates by 3 dB at its cut-off, and less in the band that it
    keeps."""
    clip = noise()
    kept = (0.0, 1 - width - 0.01) if name == "low-pass" else (width + 0.01, 1.0)
    assert gain_db(changed(name, clip, width), clip, *kept).min() > -3


@pytest.mark.parametrize("width", [3.0, 12.0])
def test_the_equaliser_raises_and_lowers_bands(width):
    clip = noise()
    equalised = changed("equaliser", clip, width)
    top = gain_db(equalised, clip, 0.9, 1.0)
    assert top.max() > 0.5 * width
    assert top.min() < -0.5 * width
    assert top.abs().max() < width + 1
    middle = gain_db(equalised, clip, 0.1, 0.12)
    assert np.corrcoef(top, middle)[0, 1] < 0.7, "the bands are not independent"


def test_distortion_adds_odd_harmonics_and_keeps_the_loudness():
    clip = 0.1 * sine(500)
    distorted = changed("distortion", clip, 0.7)
    spectrum = power(distorted)
    assert (spectrum[:, 1500] > 1e-4 * spectrum[:, 500]).all()
    assert (spectrum[:, 1500] > 100 * spectrum[:, 1000]).all()
    loudness = distorted.square().mean(1).sqrt()
    torch.testing.assert_close(
        loudness, clip.square().mean().sqrt().expand(N_CLIPS), rtol=1e-3, atol=0
    )


def test_a_greater_width_distorts_more():
    clip = 0.1 * sine(500)
    third = [power(changed("distortion", clip, width))[:, 1500].mean() for width in (0.1, 0.4, 0.7)]
    assert third == sorted(third)
    assert third[2] > 1.5 * third[0]
