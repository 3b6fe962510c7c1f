"""The effects of the built-in augmentations on clips."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from serbench.builtin.loudness import Gain, Noise
from serbench.builtin.masking import Masking
from serbench.builtin.time_shift import TimeShift
from serbench.model.augment import uniform
from serbench.plugins import Plugins

SAMPLES = 400
SEEDS = st.integers(0, 2**31)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@given(SEEDS, st.floats(0.01, 0.5))
def test_a_time_shift_rolls_forward_by_at_most_its_width(seed, width):
    clips = torch.arange(4 * SAMPLES).view(4, SAMPLES).float()
    shifted = TimeShift().apply(clips, width, seeded(seed))
    for before, after in zip(clips, shifted, strict=True):
        shift = int(after.argmin())
        assert 0 <= shift <= width * SAMPLES
        np.testing.assert_array_equal(after, np.roll(before, shift))


def test_time_shifts_range_from_0_to_the_whole_width():
    clips = torch.arange(SAMPLES).float().expand(2000, SAMPLES)
    shifts = TimeShift().apply(clips, 0.3, seeded(0)).argmin(dim=1)
    assert shifts.min() <= 2
    assert shifts.max() >= 0.3 * SAMPLES - 3
    assert shifts.float().mean() == pytest.approx(0.15 * SAMPLES, rel=0.05)


def bands(covered):
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], covered.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@given(SEEDS, st.floats(0.01, 0.3), st.sampled_from([2, 3]))
def test_masks_are_at_most_two_bands_of_at_most_their_width(seed, width, axis):
    images = torch.rand(3, 3, 60, 80, generator=seeded(1))
    masked = Masking("mask", axis).apply(images, width, seeded(seed))
    size = images.shape[axis]
    for before, after in zip(images.numpy(), masked.numpy(), strict=True):
        changed = before != after
        other = 2 if axis == 2 else 1
        covered = changed.all(axis=(0, other))
        assert np.array_equal(covered, changed.any(axis=(0, other))), (
            "a mask does not cover its whole band"
        )
        lengths = bands(covered)
        widest = math.ceil(width * size)
        assert len(lengths) <= 2
        assert sum(lengths) <= 2 * widest
        assert max(lengths, default=0) <= (widest if len(lengths) == 2 else 2 * widest)
        means = np.broadcast_to(before.mean(axis=(1, 2), keepdims=True), before.shape)
        np.testing.assert_allclose(after[changed], means[changed], rtol=1e-4)


@pytest.mark.parametrize("axis", [2, 3])
def test_masks_occur_at_every_position_and_with_full_width(axis):
    images = torch.rand(2000, 1, 40, 40, generator=seeded(1))
    masked = Masking("mask", axis).apply(images, 0.1, seeded(0))
    covered = (masked != images).all(dim=5 - axis)[:, 0].numpy()
    assert covered.any(axis=0).all()
    assert max(max(bands(each), default=0) for each in covered) >= 4
    assert covered.mean() == pytest.approx(2 * 0.05, rel=0.1)


def test_an_axis_of_one_is_never_masked():
    images = torch.rand(200, 1, 1, 40, generator=seeded(1))
    assert torch.equal(Masking("mask", 2).apply(images, 0.3, seeded(0)), images)


def test_one_masks_frequencies_and_one_masks_times():
    named = {each.name: each for each in Plugins().augmentations}
    images = torch.rand(20, 1, 30, 40, generator=seeded(1))
    rows = named["frequency-mask"].apply(images, 0.3, seeded(0)) != images
    columns = named["time-mask"].apply(images, 0.3, seeded(0)) != images
    assert rows.all(dim=3).any()
    assert not rows.all(dim=2).any()
    assert columns.all(dim=2).any()
    assert not columns.all(dim=3).any()


@given(SEEDS, st.floats(0.1, 12))
def test_gain_stays_within_its_decibels(seed, width):
    clips = torch.rand(5, SAMPLES, generator=seeded(1)) + 0.1
    ratios = Gain().apply(clips, width, seeded(seed)) / clips
    decibels = 20 * ratios.log10()
    assert decibels.abs().max() <= width + 1e-3
    assert (ratios.amax(dim=1) - ratios.amin(dim=1)).max() < 1e-3, "one gain for the whole clip"


def test_gain_is_positive_and_negative():
    clips = torch.ones(1000, 4)
    decibels = 20 * Gain().apply(clips, 6.0, seeded(0))[:, 0].log10()
    assert decibels.min() == pytest.approx(-6, abs=0.1)
    assert decibels.max() == pytest.approx(6, abs=0.1)
    assert decibels.mean() == pytest.approx(0, abs=0.5)


@given(SEEDS, st.floats(0.01, 0.2), st.floats(1e-3, 1))
def test_noise_stays_below_its_share_of_the_clips_loudness(seed, width, loudness):
    samples = 20_000
    clips = loudness * torch.sin(torch.arange(samples) / 10).expand(3, samples)
    added = Noise().apply(clips, width, seeded(seed)) - clips
    level = added.square().mean(dim=1).sqrt()
    reference = clips.square().mean(dim=1).sqrt()
    assert (level <= width * reference * 1.05).all()


def test_noise_is_white_and_reaches_its_full_level():
    clips = torch.ones(300, 4000)
    added = (Noise().apply(clips, 0.2, seeded(0)) - clips).numpy()
    levels = added.std(axis=1)
    assert levels.max() == pytest.approx(0.2, rel=0.05)
    assert levels.min() < 0.01
    spectrum = np.abs(np.fft.rfft(added, axis=1)) ** 2
    halves = spectrum[:, 1:1000].mean(), spectrum[:, 1000:2000].mean()
    assert halves[0] == pytest.approx(halves[1], rel=0.05)


def test_a_silent_clip_stays_silent_under_noise():
    assert torch.equal(Noise().apply(torch.zeros(2, 50), 0.2, seeded(0)), torch.zeros(2, 50))


@given(SEEDS, st.floats(-10, 10), st.floats(0, 10))
def test_uniform_numbers_lie_between_their_bounds(seed, low, span):
    drawn = uniform((50,), seeded(seed), torch.zeros(1), low, low + span)
    assert drawn.shape == (50,)
    assert drawn.min() >= low - 1e-4
    assert drawn.max() <= low + span + 1e-4
