"""What every augmentation promises: a width, a generator, and its hands off the input."""

import pytest
import torch

from serbench.model.training import augment
from serbench.plugins import Plugins

AUGMENTATIONS = {augmentation.name: augmentation for augmentation in Plugins().augmentations}
N_CLIPS = 8


@pytest.fixture(params=AUGMENTATIONS)
def augmentation(request):
    """Each registered augmentation in turn."""
    return AUGMENTATIONS[request.param]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_for(augmentation, n_clips=N_CLIPS):
    """The same clip ``n_clips`` times: ``[B, samples]`` or ``[B, 3, 40, 50]``."""
    shape = (4000,) if augmentation.acts_on == "waveform" else (3, 40, 50)
    clip = torch.randn(shape, generator=seeded(1))
    return clip.expand(n_clips, *shape).clone()


def test_the_built_in_ones_are_there():
    assert {"time-shift", "frequency-mask", "time-mask", "gain", "noise"} <= set(AUGMENTATIONS)


def test_it_acts_on_waveforms_or_on_features(augmentation):
    assert augmentation.acts_on in ("waveform", "features")


def test_its_range_starts_at_off_and_holds_the_papers_width(augmentation):
    widths = augmentation.widths
    assert widths.low == 0
    assert widths.low <= widths.paper <= widths.high
    assert widths.high > 0
    assert not widths.log, "a logarithmic range cannot reach 0"


def test_width_zero_changes_nothing(augmentation):
    batch = batch_for(augmentation)
    torch.testing.assert_close(augmentation.apply(batch, 0.0, seeded()), batch, rtol=0, atol=0)


def test_width_zero_is_not_even_called_in_training(augmentation):
    batch, generator = batch_for(augmentation), seeded()
    before = generator.get_state()
    assert augment(batch, augmentation.acts_on, [(augmentation, 0.0)], generator) is batch
    assert torch.equal(generator.get_state(), before)


def test_it_is_left_out_where_it_does_not_belong(augmentation):
    batch = batch_for(augmentation)
    other = {"waveform": "features", "features": "waveform"}[augmentation.acts_on]
    widest = [(augmentation, augmentation.widths.high)]
    assert augment(batch, other, widest, seeded()) is batch
    assert not torch.equal(augment(batch, augmentation.acts_on, widest, seeded()), batch)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_shape_and_type_stay(augmentation, share):
    batch = batch_for(augmentation)
    changed = augmentation.apply(batch, share * augmentation.widths.high, seeded())
    assert changed.shape == batch.shape
    assert changed.dtype == batch.dtype
    assert changed.isfinite().all()


def test_a_single_clip_is_enough(augmentation):
    batch = batch_for(augmentation, n_clips=1)
    assert augmentation.apply(batch, augmentation.widths.high, seeded()).shape == batch.shape


def test_the_seed_decides(augmentation):
    batch, width = batch_for(augmentation), augmentation.widths.high
    first = augmentation.apply(batch, width, seeded(7))
    assert torch.equal(first, augmentation.apply(batch, width, seeded(7)))
    assert not torch.equal(first, augmentation.apply(batch, width, seeded(8)))


def test_global_randomness_is_neither_used_nor_disturbed(augmentation):
    batch, width = batch_for(augmentation), augmentation.widths.high
    torch.manual_seed(1)
    first, after = augmentation.apply(batch, width, seeded()), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), after)
    torch.manual_seed(2)
    assert torch.equal(augmentation.apply(batch, width, seeded()), first)


def test_the_input_is_left_alone(augmentation):
    batch = batch_for(augmentation)
    before = batch.clone()
    augmentation.apply(batch, augmentation.widths.high, seeded())
    assert torch.equal(batch, before)


def test_each_clip_is_changed_in_its_own_way(augmentation):
    changed = augmentation.apply(batch_for(augmentation), augmentation.widths.high, seeded())
    distinct = {tuple(clip.flatten().tolist()) for clip in changed}
    assert len(distinct) == N_CLIPS


def test_wider_means_further_away(augmentation):
    batch, width = batch_for(augmentation, n_clips=64), augmentation.widths.high
    narrow = augmentation.apply(batch, 0.02 * width, seeded()) - batch
    wide = augmentation.apply(batch, width, seeded()) - batch
    if augmentation.name != "time-shift":  # noise shifted a little is as far off as shifted a lot
        assert narrow.square().mean() < wide.square().mean()
    assert wide.square().mean() > 0
