"""Linear head, cross-entropy and the eager runtime: small parts, exact numbers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from serbench.builtin.eager_runtime import Eager
from serbench.builtin.linear_head import LinearHead
from serbench.builtin.objectives import CrossEntropy
from serbench.data.clips import ClipFormat
from serbench.model.deployable import Deployable
from serbench.model.network import EmotionNetwork

WIDTH, N_CLASSES = 5, 3


def test_a_head_that_starts_from_a_layer_draws_nothing():
    start = {"weight": torch.randn(N_CLASSES, WIDTH), "bias": torch.randn(N_CLASSES)}
    before = torch.get_rng_state()
    layer = LinearHead().module(WIDTH, N_CLASSES, start, {})
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(layer.state_dict()[name], start[name]) for name in start)
    layer.weight.data.zero_()
    assert start["weight"].any(), "it shares its memory"
    assert all(parameter.requires_grad for parameter in layer.parameters())


def test_a_fresh_head_is_drawn_as_torch_draws_a_linear_layer():
    torch.manual_seed(0)
    expected = nn.Linear(WIDTH, N_CLASSES)
    drawn = torch.get_rng_state()
    torch.manual_seed(0)
    layer = LinearHead().module(WIDTH, N_CLASSES, None, {})
    assert torch.equal(layer.weight, expected.weight)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_cross_entropy_is_torchs_on_an_unchanged_batch():
    prepared = CrossEntropy().prepare(torch.arange(4), N_CLASSES, {})
    batch, targets = torch.randn(4, 8), torch.tensor([0, 2, 1, 1])
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    mixed = prepared.mix(batch, targets, generator)
    assert mixed[0] is batch
    assert mixed[1] is targets
    assert torch.equal(generator.get_state(), before)
    logits = torch.randn(4, N_CLASSES)
    assert torch.equal(prepared.loss(logits, targets), F.cross_entropy(logits, targets))


@pytest.fixture
def network():
    """A network with dropout and batch norm, recordings of 8 samples to logits."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(8, WIDTH), nn.BatchNorm1d(WIDTH), nn.Dropout(0.5))
    whole = EmotionNetwork(nn.Tanh(), body, nn.Linear(WIDTH, N_CLASSES))
    return Deployable(whole, ClipFormat(8, 1.0, "keep")).train()


def test_eager_runs_the_network_in_evaluation_mode(network):
    recording = network.recording(torch.randn(8))
    logits = Eager().prepare(network, [], 1)(recording)
    with torch.inference_mode():
        expected = network.eval().network(recording.waveform)
    assert np.array_equal(logits, expected.numpy())
    assert Eager().identity == {"precision": "fp32", "version": torch.__version__}


def test_eager_has_two_parts_and_the_second_begins_where_the_first_ends(network):
    recording = network.recording(torch.randn(8))
    runnable = Eager().prepare(network, [], 1)
    parts = runnable.parts(recording)
    assert list(parts) == ["front_end", "network"]
    image, columns = parts["front_end"]()
    assert torch.equal(image, recording.waveform.tanh())
    assert columns is None
    answer = parts["network"]()
    assert np.array_equal(answer.logits.numpy(), runnable(recording))
    assert not answer.logits.requires_grad
