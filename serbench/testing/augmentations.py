"""Requirements on every augmentation: its widths, its random numbers, and an unchanged input."""

from __future__ import annotations

import torch
from torch import Tensor

from serbench.model.augment import Augmentation
from serbench.model.ranges import Range
from serbench.testing.require import require, require_equal, require_members

_N_CLIPS = 8

SHAPES = {"waveform": (4000,), "features": (3, 40, 50), "frames": (50, 12)}
"""What an augmentation acts on → shape of one clip."""


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _batch(augmentation: Augmentation, n_clips: int = _N_CLIPS) -> Tensor:
    """The same random clip ``n_clips`` times, of the shape that the augmentation acts on."""
    shape = SHAPES[augmentation.acts_on]
    clip = torch.randn(shape, generator=_seeded(1))
    return clip.expand(n_clips, *shape).clone()


def _slow(augmentation: Augmentation, n_clips: int) -> Tensor:
    """A slowly varying clip, ``n_clips`` times: a small shift then makes a small difference."""
    wave = torch.sin(torch.linspace(0, 2 * torch.pi, 4000))
    if augmentation.acts_on == "waveform":
        return wave.expand(n_clips, -1).clone()
    if augmentation.acts_on == "frames":
        return wave[::80, None].expand(n_clips, -1, 12).clone()
    return (wave[::100, None] + wave[None, ::80]).expand(n_clips, 3, -1, -1).clone()


def _widest(augmentation: Augmentation, batch: Tensor, seed: int = 0) -> Tensor:
    return augmentation.apply(batch, augmentation.widths.high, _seeded(seed))


def it_has_everything_an_augmentation_needs(augmentation: Augmentation) -> None:
    """It has every attribute and method of ``Augmentation``, with the arguments of each."""
    require_members(augmentation, Augmentation)


def it_acts_on_waveforms_features_or_frames(augmentation: Augmentation) -> None:
    """``acts_on`` is ``waveform``, ``features`` or ``frames``."""
    acts_on = augmentation.acts_on
    require(acts_on in SHAPES, f"acts_on is {acts_on!r}, not {' or '.join(map(repr, SHAPES))}")


def its_range_starts_at_0_and_includes_its_initial_width(augmentation: Augmentation) -> None:
    """The range of widths starts at 0, which switches it off, and has a linear scale."""
    widths = augmentation.widths
    require(isinstance(widths, Range), f"widths is a {type(widths).__name__}, not a Range")
    require(widths.low == 0 < widths.high, f"the range is {widths.low} to {widths.high}")
    require(widths.low <= widths.initial <= widths.high, f"{widths.initial} is outside the range")
    require(not widths.log, "a logarithmic range cannot include 0")


def width_zero_changes_nothing(augmentation: Augmentation) -> None:
    """With width 0 it returns the batch unchanged, bit for bit."""
    same = augmentation.apply(_batch(augmentation), 0.0, _seeded())
    require_equal(same, _batch(augmentation), "width 0 changes the clips")


def shape_and_type_are_kept(augmentation: Augmentation) -> None:
    """For every width the clips keep their shape and the type float32, and are finite."""
    batch = _batch(augmentation)
    for share in (0.01, 0.5, 1.0):
        width = share * augmentation.widths.high
        changed = augmentation.apply(batch, width, _seeded())
        require(changed.shape == batch.shape, f"shape {tuple(changed.shape)} at width {width:g}")
        require(changed.dtype == batch.dtype, f"{changed.dtype} at width {width:g}")
        require(bool(changed.isfinite().all()), f"NaN or infinite values at width {width:g}")


def it_takes_a_batch_of_one(augmentation: Augmentation) -> None:
    """A single clip can be changed."""
    batch = _batch(augmentation, n_clips=1)
    shape = tuple(_widest(augmentation, batch).shape)
    require(shape == tuple(batch.shape), f"a single clip gets shape {shape}")


def silence_stays_finite(augmentation: Augmentation) -> None:
    """A clip of zeros gives finite values."""
    changed = _widest(augmentation, torch.zeros_like(_batch(augmentation)))
    require(bool(changed.isfinite().all()), "silence becomes NaN or infinite")


def the_seed_determines_the_result(augmentation: Augmentation) -> None:
    """The same seed gives the same change, and another seed gives another change."""
    batch = _batch(augmentation)
    first = _widest(augmentation, batch, seed=7)
    require_equal(first, _widest(augmentation, batch, seed=7), "one seed gives two results")
    other = _widest(augmentation, batch, seed=8)
    require(not torch.equal(first, other), "two seeds give the same result: use the generator")


def it_neither_uses_nor_changes_global_random_generators(augmentation: Augmentation) -> None:
    """Every random number comes from the generator that is passed to it."""
    batch = _batch(augmentation)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first = _widest(augmentation, batch)
        require_equal(torch.get_rng_state(), before, "it draws from torch's global generator")
        torch.manual_seed(2)
        same = _widest(augmentation, batch)
    require_equal(same, first, "the result depends on torch's global seed")


def the_input_is_not_changed(augmentation: Augmentation) -> None:
    """It works on a copy of the batch."""
    batch = _batch(augmentation)
    before = batch.clone()
    _widest(augmentation, batch)
    require_equal(batch, before, "it changes its input: work on a copy")


def each_clip_is_changed_independently(augmentation: Augmentation) -> None:
    """Equal clips of one batch are changed differently."""
    changed = _widest(augmentation, _batch(augmentation))
    distinct = len({tuple(clip.flatten().tolist()) for clip in changed})
    require(distinct > 1, "all clips of a batch are changed identically")


def a_greater_width_changes_more(augmentation: Augmentation) -> None:
    """On average a greater width makes a greater difference to the clip."""
    batch = _slow(augmentation, n_clips=64)
    narrow = augmentation.apply(batch, 0.02 * augmentation.widths.high, _seeded()) - batch
    wide = _widest(augmentation, batch) - batch
    near, far = float(narrow.square().mean()), float(wide.square().mean())
    require(near < far, f"the greatest width changes clips by {far:.2g}, a small one by {near:.2g}")
