"""What every augmentation promises: a width, a generator, and its hands off the input."""

from __future__ import annotations

import torch
from torch import Tensor

from serbench.model.augment import Augmentation
from serbench.model.ranges import Range
from serbench.testing.require import require, require_equal, require_members

_N_CLIPS = 8


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _batch(augmentation: Augmentation, n_clips: int = _N_CLIPS) -> Tensor:
    """The same random clip ``n_clips`` times: ``[B, samples]`` or ``[B, 3, 40, 50]``."""
    shape = (4000,) if augmentation.acts_on == "waveform" else (3, 40, 50)
    clip = torch.randn(shape, generator=_seeded(1))
    return clip.expand(n_clips, *shape).clone()


def _slow(augmentation: Augmentation, n_clips: int) -> Tensor:
    """A clip that changes slowly, ``n_clips`` times: what is moved a little is changed a little."""
    wave = torch.sin(torch.linspace(0, 2 * torch.pi, 4000))
    if augmentation.acts_on == "waveform":
        return wave.expand(n_clips, -1).clone()
    return (wave[::100, None] + wave[None, ::80]).expand(n_clips, 3, -1, -1).clone()


def _widest(augmentation: Augmentation, batch: Tensor, seed: int = 0) -> Tensor:
    return augmentation.apply(batch, augmentation.widths.high, _seeded(seed))


def it_has_everything_an_augmentation_needs(augmentation: Augmentation) -> None:
    """Every attribute and method of ``Augmentation`` is there and takes its arguments."""
    require_members(augmentation, Augmentation)


def it_acts_on_waveforms_or_on_features(augmentation: Augmentation) -> None:
    """It says which of the two it changes."""
    acts_on = augmentation.acts_on
    require(acts_on in ("waveform", "features"), f"acts_on is {acts_on!r}: waveform or features")


def its_range_starts_at_off_and_holds_the_papers_width(augmentation: Augmentation) -> None:
    """Widths are searched from 0, which is off, on a scale that reaches it."""
    widths = augmentation.widths
    require(isinstance(widths, Range), f"widths is a {type(widths).__name__}, not a Range")
    require(widths.low == 0 < widths.high, f"the range is from {widths.low} to {widths.high}")
    require(widths.low <= widths.initial <= widths.high, f"{widths.initial} is out of the range")
    require(not widths.log, "a logarithmic range cannot reach 0")


def width_zero_changes_nothing(augmentation: Augmentation) -> None:
    """At width 0 the batch comes back as it was, bit for bit."""
    same = augmentation.apply(_batch(augmentation), 0.0, _seeded())
    require_equal(same, _batch(augmentation), "width 0 changes the clips")


def shape_and_type_stay(augmentation: Augmentation) -> None:
    """Narrow or wide, the clips keep shape and float32, and stay finite."""
    batch = _batch(augmentation)
    for share in (0.01, 0.5, 1.0):
        width = share * augmentation.widths.high
        changed = augmentation.apply(batch, width, _seeded())
        require(changed.shape == batch.shape, f"shape {tuple(changed.shape)} at width {width:g}")
        require(changed.dtype == batch.dtype, f"{changed.dtype} at width {width:g}")
        require(bool(changed.isfinite().all()), f"infinite or no numbers at width {width:g}")


def a_batch_of_one_is_enough(augmentation: Augmentation) -> None:
    """A single clip can be changed."""
    batch = _batch(augmentation, n_clips=1)
    shape = tuple(_widest(augmentation, batch).shape)
    require(shape == tuple(batch.shape), f"a single clip comes back in shape {shape}")


def silence_stays_finite(augmentation: Augmentation) -> None:
    """A clip of nothing but zeros does not become infinite or no number."""
    changed = _widest(augmentation, torch.zeros_like(_batch(augmentation)))
    require(bool(changed.isfinite().all()), "silence becomes infinite or no number")


def the_seed_decides(augmentation: Augmentation) -> None:
    """The same generator gives the same change, another one another."""
    batch = _batch(augmentation)
    first = _widest(augmentation, batch, seed=7)
    require_equal(first, _widest(augmentation, batch, seed=7), "one seed gives two results")
    other = _widest(augmentation, batch, seed=8)
    require(not torch.equal(first, other), "two seeds give one result: use the generator")


def global_randomness_is_neither_used_nor_disturbed(augmentation: Augmentation) -> None:
    """Every random number comes from the generator that is handed in."""
    batch = _batch(augmentation)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first = _widest(augmentation, batch)
        require_equal(torch.get_rng_state(), before, "it draws from torch's global generator")
        torch.manual_seed(2)
        same = _widest(augmentation, batch)
    require_equal(same, first, "the result depends on torch's global seed")


def the_input_is_left_alone(augmentation: Augmentation) -> None:
    """The batch is copied, never changed in place."""
    batch = _batch(augmentation)
    before = batch.clone()
    _widest(augmentation, batch)
    require_equal(batch, before, "it changes the batch it is given: work on a copy")


def each_clip_is_changed_in_its_own_way(augmentation: Augmentation) -> None:
    """Equal clips of one batch come back different from each other."""
    changed = _widest(augmentation, _batch(augmentation))
    distinct = len({tuple(clip.flatten().tolist()) for clip in changed})
    require(distinct > 1, "all clips of a batch are changed in the same way")


def wider_means_further_away(augmentation: Augmentation) -> None:
    """On the whole a clip is further from itself the wider it is changed."""
    batch = _slow(augmentation, n_clips=64)
    narrow = augmentation.apply(batch, 0.02 * augmentation.widths.high, _seeded()) - batch
    wide = _widest(augmentation, batch) - batch
    near, far = float(narrow.square().mean()), float(wide.square().mean())
    require(near < far, f"the widest change is {far:.2g} from the clip, a narrow one {near:.2g}")
