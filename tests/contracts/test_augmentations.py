"""Every registered augmentation keeps its contract, and training applies it where it belongs."""

import pytest
import torch

from serbench.model.batches import augment
from serbench.plugins import Plugins
from serbench.testing import contract
from serbench.testing.augmentations import SHAPES

AUGMENTATIONS = {augmentation.name: augmentation for augmentation in Plugins().augmentations}
N_CLIPS = 8


@pytest.fixture(params=AUGMENTATIONS)
def augmentation(request):
    """Each registered augmentation in turn."""
    return AUGMENTATIONS[request.param]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_for(augmentation):
    """The same clip ``N_CLIPS`` times, in the shape that the augmentation acts on."""
    shape = SHAPES[augmentation.acts_on]
    return torch.randn(shape, generator=seeded(1)).expand(N_CLIPS, *shape).clone()


def test_the_built_in_ones_are_there():
    assert {"time-shift", "frequency-mask", "time-mask", "gain", "noise"} <= set(AUGMENTATIONS)


@pytest.mark.parametrize("check", contract("augmentation"))
def test_the_contract_is_kept(augmentation, check):
    check(augmentation)


@pytest.mark.parametrize(
    "name",
    ["time-shift", "time-window", "frequency-mask", "time-mask", "gain", "noise", "octave-gain"],
)
def test_no_two_clips_of_a_batch_are_changed_alike(name):
    augmentation = AUGMENTATIONS[name]
    changed = augmentation.apply(batch_for(augmentation), augmentation.widths.high, seeded())
    assert len({tuple(clip.flatten().tolist()) for clip in changed}) == N_CLIPS


def test_width_zero_is_not_even_called_in_training(augmentation):
    batch, generator = batch_for(augmentation), seeded()
    before = generator.get_state()
    assert augment(batch, augmentation.acts_on, [(augmentation, 0.0)], generator)[0] is batch
    assert torch.equal(generator.get_state(), before)


def test_it_is_left_out_where_it_does_not_belong(augmentation):
    batch = batch_for(augmentation)
    other = {"waveform": "features", "features": "waveform", "frames": "features"}[
        augmentation.acts_on
    ]
    widest = [(augmentation, augmentation.widths.high)]
    assert augment(batch, other, widest, seeded())[0] is batch
    changed, _ = augment(batch, augmentation.acts_on, widest, seeded())
    assert not torch.equal(changed, batch)
