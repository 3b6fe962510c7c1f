"""Patches and their mean, and batch norms that estimate their statistics."""

import copy

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from serbench_yamnet.network import split_patches
from serbench_yamnet.plugin import YamnetBackbone
from torch import nn
from yamnet_material import folded_network, images, norms_of

from serbench.model.network import Freezing


def embeddings_of(module, batch):
    module.eval()
    with torch.inference_mode():
        return module(batch)


@pytest.mark.parametrize(
    ("frames", "starts"),
    [
        (96, [0]),
        (97, [0, 1]),
        (144, [0, 48]),
        (260, [0, 48, 96, 144, 164]),
        (240, [0, 48, 96, 144]),
    ],
)
def test_patches_begin_every_48_frames_and_the_last_ends_with_the_clip(frames, starts):
    image = images(n_clips=2, frames=frames)
    patches = split_patches(image)
    assert patches.shape == (2, len(starts), 1, 96, 64)
    for number, start in enumerate(starts):
        assert torch.equal(patches[:, number, 0], image[:, 0, :, start : start + 96].mT)


def test_silence_is_appended_to_an_image_too_short_for_a_patch():
    image = images(n_clips=1, frames=30)
    (patch,) = split_patches(image)[0, :, 0]
    assert torch.equal(patch[:30], image[0, 0].mT)
    torch.testing.assert_close(patch[30:].exp(), torch.full((66, 64), 0.001))


def test_a_clips_embedding_is_the_mean_of_its_patches():
    module, clip = folded_network(), images(n_clips=1, frames=240)
    alone = [embeddings_of(module, clip[..., start : start + 96]) for start in (0, 48, 96, 144)]
    torch.testing.assert_close(embeddings_of(module, clip), torch.stack(alone).mean(0))


@pytest.mark.parametrize("frames", [10, 96, 300])
def test_clips_of_any_length_become_embeddings(frames):
    module, batch = folded_network(), images(n_clips=3, frames=frames)
    together = embeddings_of(module, batch)
    assert together.shape == (3, 1024)
    torch.testing.assert_close(
        embeddings_of(module, batch[1:2])[0], together[1], rtol=1e-3, atol=1e-4
    )


def test_estimating_the_statistics_does_not_change_the_function():
    module, batch = folded_network(), images(n_clips=8, frames=96)
    other = images(n_clips=4, seed=1)[..., :96]
    before = embeddings_of(module, torch.cat([batch, other]))
    module.train()
    module(batch)
    assert not any(norm.folded for norm in norms_of(module))
    torch.testing.assert_close(
        embeddings_of(module, torch.cat([batch, other])), before, rtol=1e-3, atol=1e-4
    )


def test_in_training_mode_its_output_is_similar_to_that_in_evaluation_mode():
    """It would not be if the statistics remained mean 0 and variance 1, which no batch has."""
    module, other = folded_network(), images(n_clips=8, frames=96, seed=1)
    before, state = embeddings_of(module, other), copy.deepcopy(module.state_dict())
    module.train()
    module(images(n_clips=8, frames=96))
    measured = (module(other) - before).detach().square().mean()
    module.load_state_dict(state)
    for norm in norms_of(module):
        norm.folded.fill_(False)
    unmeasured = (module(other) - before).detach().square().mean()
    assert measured < 0.01 * unmeasured
    assert measured < 0.01 * before.square().mean()


def test_the_statistics_are_those_of_the_first_batch_and_are_updated_by_later_ones():
    module, batch = folded_network(), images(n_clips=8, frames=96)
    stem = module.network.conv_stem(split_patches(batch).flatten(0, 1))
    module.train()
    module(batch)
    norm = norms_of(module)[0]
    torch.testing.assert_close(norm.running_mean, stem.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(norm.running_var, stem.var((0, 2, 3)), rtol=1e-3, atol=1e-4)
    gain = norm.weight.clone()
    module(batch + 1)
    assert (norm.running_mean - stem.mean((0, 2, 3))).abs().max() > 1e-3
    assert torch.equal(norm.weight, gain), "they are estimated more than once"


def test_frozen_stages_stay_folded():
    module, batch = folded_network(), images(n_clips=8, frames=96)
    before = embeddings_of(module, batch)
    stages = YamnetBackbone().stages(module)
    Freezing(module, stages, 5).train(module)
    module(batch)
    frozen = {name for stage in stages[:5] for name in stage}
    for name, norm in module.named_modules():
        if norm in norms_of(module):
            assert bool(norm.folded) == (f"{name}.weight" in frozen), name
    torch.testing.assert_close(embeddings_of(module, batch), before, rtol=1e-3, atol=1e-4)


def test_a_network_with_random_weights_is_not_measured():
    module = YamnetBackbone().build("none").module.train()
    before = [norm.weight.clone() for norm in norms_of(module)]
    module(images(frames=96))
    assert not any(norm.folded for norm in norms_of(module))
    for norm, weight in zip(norms_of(module), before, strict=True):
        assert torch.equal(norm.weight, weight)
        assert norm.running_mean.abs().max() < 1


@pytest.mark.parametrize("trained", [False, True])
def test_a_saved_network_keeps_its_state(trained, tmp_path):
    module, batch = folded_network(), images(n_clips=8, frames=96)
    if trained:
        module.train()
        module(batch)
    safetensors.torch.save_file(module.state_dict(), tmp_path / "yamnet.safetensors")
    again = YamnetBackbone().build("none").module
    again.load_state_dict(safetensors.torch.load_file(tmp_path / "yamnet.safetensors"))
    assert torch.equal(embeddings_of(again, batch), embeddings_of(module, batch))
    assert [bool(norm.folded) for norm in norms_of(again)] == [not trained] * 27
    assert torch.equal(again.train()(batch), module.train()(batch))


def test_the_state_before_training_can_be_restored():
    """The training loop keeps a copy of the state, and restores it if training diverges."""
    module, batch = folded_network(), images(n_clips=8, frames=96)
    before, state = embeddings_of(module, batch), copy.deepcopy(module.state_dict())
    twin = copy.deepcopy(module)
    module.train()
    module(batch)
    module.load_state_dict(state)
    assert all(norm.folded for norm in norms_of(module))
    assert torch.equal(embeddings_of(module, batch), before)
    assert torch.equal(embeddings_of(twin, batch), before)


def test_it_learns_to_distinguish_two_kinds_of_sound_in_a_few_steps():
    module = nn.Sequential(folded_network(), nn.Linear(1024, 2)).train()
    batch = images(n_clips=8, frames=96)
    targets = torch.arange(8) % 2
    batch[targets == 1, :, :32] += 3
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = F.cross_entropy(module(batch), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("real", [40, 96, 107, 144, 239])
def test_padding_changes_nothing_where_lengths_are_given(real):
    module, batch = folded_network().eval(), images(n_clips=2, frames=240)
    lengths = torch.tensor([real, 240])
    other = batch.clone()
    other[0, ..., real:] = 1.0
    with torch.inference_mode():
        first, second = module(batch, lengths), module(other, lengths)
        whole = module(batch[1:])
    assert torch.equal(first, second)
    torch.testing.assert_close(first[1:], whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("real", [40, 96, 144, 192])
def test_a_padded_clip_has_the_embedding_that_it_has_alone(real):
    module, batch = folded_network().eval(), images(n_clips=2, frames=240)
    with torch.inference_mode():
        padded = module(batch, torch.tensor([real, 240]))[:1]
        alone = module(batch[:1, ..., :real])
    torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-5)


def test_padding_does_not_change_the_statistics_of_batch_norms():
    alone, padded = folded_network().train(), folded_network().train()
    batch = images(n_clips=2, frames=96)
    alone(batch)
    longer = torch.nn.functional.pad(batch, (0, 144), value=3.0)
    padded(longer, torch.tensor([96, 96]))
    states = alone.state_dict(), padded.state_dict()
    for name, values in states[0].items():
        torch.testing.assert_close(states[1][name], values, rtol=1e-4, atol=1e-5)
