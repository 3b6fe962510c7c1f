"""The contract of augmentations, in particular where audiomentations could violate it."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import serbench_audiomentations
import torch

from serbench.errors import UsageError
from serbench.plugins import Plugins

AUGMENTATIONS = []
serbench_audiomentations.register_augmentations(AUGMENTATIONS.append)
N_CLIPS = 8


@pytest.fixture(params=AUGMENTATIONS, ids=lambda augmentation: augmentation.name)
def augmentation(request):
    """Each augmentation of the plugin."""
    return request.param


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def one_clip_many_times(n_clips=N_CLIPS, samples=6000):
    return 0.1 * torch.randn(samples, generator=seeded(1)).repeat(n_clips, 1)


def widest(augmentation, batch, seed=0):
    return augmentation.apply(batch, augmentation.widths.high, seeded(seed))


def all_global_randomness():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_serbench_finds_all_six_without_a_conflict():
    plugins = Plugins()
    found = {augmentation.name for augmentation in plugins.augmentations}
    assert {augmentation.name for augmentation in AUGMENTATIONS} <= found
    assert len(AUGMENTATIONS) == 6
    assert "audiomentations" not in {failure.plugin for failure in plugins.failures}


def test_the_initial_width_is_0(augmentation):
    assert augmentation.acts_on == "waveform"
    assert augmentation.widths.low == augmentation.widths.initial == 0 < augmentation.widths.high


def test_width_zero_changes_nothing_and_draws_nothing(augmentation):
    batch, generator = one_clip_many_times(), seeded()
    before = generator.get_state()
    assert torch.equal(augmentation.apply(batch, 0.0, generator), batch)
    assert torch.equal(generator.get_state(), before)


def test_the_generator_determines_the_result(augmentation):
    batch = one_clip_many_times()
    assert torch.equal(widest(augmentation, batch, 7), widest(augmentation, batch, 7))
    assert not torch.equal(widest(augmentation, batch, 7), widest(augmentation, batch, 8))


def test_no_global_generator_is_used(augmentation):
    batch, answers = one_clip_many_times(), []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        answers.append(widest(augmentation, batch))
    assert torch.equal(*answers)


def test_no_global_generator_is_changed(augmentation):
    before = all_global_randomness()
    widest(augmentation, one_clip_many_times())
    assert all_global_randomness() == before


def test_several_threads_give_the_result_of_one_thread(augmentation):
    batch = one_clip_many_times()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: widest(augmentation, batch, seed), range(8)))
    for seed, answer in enumerate(together):
        assert torch.equal(answer, widest(augmentation, batch, seed))


def test_each_clip_is_changed_independently(augmentation):
    changed = widest(augmentation, one_clip_many_times())
    assert len({tuple(clip.tolist()) for clip in changed}) == N_CLIPS


def test_a_clip_does_not_influence_others(augmentation):
    """The change of a clip depends on its position in the batch, but not on other clips."""
    batch = one_clip_many_times()
    neighbours_silent = batch.clone()
    neighbours_silent[1:] = 0
    assert torch.equal(widest(augmentation, batch)[0], widest(augmentation, neighbours_silent)[0])


@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type_are_kept_and_the_input_is_not_changed(augmentation, share, dtype):
    batch = one_clip_many_times().to(dtype)
    before = batch.clone()
    changed = augmentation.apply(batch, share * augmentation.widths.high, seeded())
    assert (changed.shape, changed.dtype) == (batch.shape, dtype)
    assert changed.isfinite().all()
    assert torch.equal(batch, before)


def test_views_of_another_tensor_are_accepted(augmentation):
    batch = one_clip_many_times(n_clips=2)
    sideways = batch.t().contiguous().t()
    assert not sideways.is_contiguous()
    assert torch.equal(widest(augmentation, sideways), widest(augmentation, batch))


@pytest.mark.parametrize("samples", [1, 100])
def test_the_shortest_clip_is_accepted(augmentation, samples):
    changed = widest(augmentation, one_clip_many_times(samples=samples))
    assert changed.shape == (N_CLIPS, samples)
    assert changed.isfinite().all()


def test_silence_remains_silent(augmentation):
    assert not widest(augmentation, torch.zeros(2, 6000)).any()


def test_a_width_beyond_the_range_is_refused_with_the_bound(augmentation):
    """Beyond the bound the transforms fail, or use random numbers that are not seeded."""
    beyond = augmentation.widths.high + 0.01
    with pytest.raises(UsageError) as refused:
        augmentation.apply(one_clip_many_times(), beyond, seeded())
    assert refused.value.facts == {
        "augmentation": augmentation.name,
        "width": beyond,
        "highest": augmentation.widths.high,
    }
