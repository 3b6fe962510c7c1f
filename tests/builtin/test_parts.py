"""Linear head, cross-entropy and the eager runtime: small parts, exact numbers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from serbench.builtin.linear_head import DECAY, LinearHead
from serbench.builtin.objectives import CrossEntropy
from serbench.builtin.runtimes import Eager
from serbench.model.head import HeadContext
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


def features(n_clips=60, seed=0):
    """Overlapping clouds, one for each class, ``[n, WIDTH]`` and codes ``[n]``."""
    random = np.random.default_rng(seed)
    targets = np.arange(n_clips) % N_CLASSES
    clouds = np.eye(N_CLASSES, WIDTH)[targets] + 0.7 * random.standard_normal((n_clips, WIDTH))
    return clouds.astype(np.float32), targets


def test_the_fitted_head_is_where_the_gradient_is_zero():
    vectors, targets = features()
    fitted = LinearHead().fit(vectors, None, targets, HeadContext(N_CLASSES))
    weight, bias = fitted.arrays["weight"].astype(float), fitted.arrays["bias"].astype(float)
    logits = vectors @ weight.T + bias
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    errors = (shares - np.eye(N_CLASSES)[targets]) / len(targets)
    np.testing.assert_allclose(errors.T @ vectors + 2 * DECAY * weight, 0, atol=1e-4)
    np.testing.assert_allclose(errors.sum(0), 0, atol=1e-4)


def test_fitting_uses_no_random_numbers_and_leaves_them_alone():
    vectors, targets = features()
    weights = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        fitted = LinearHead().fit(vectors, None, targets, HeadContext(N_CLASSES, seed))
        weights.append(fitted.arrays["weight"])
        assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(*weights)


def test_logits_module_and_arrays_of_a_fitted_head_agree():
    vectors, targets = features()
    fitted = LinearHead().fit(vectors, None, targets, HeadContext(N_CLASSES))
    new, codes = features(seed=1)
    logits = fitted.logits(new, None)
    assert (logits.argmax(1) == codes).mean() > 0.6
    with torch.inference_mode():
        assert np.array_equal(fitted.module()(torch.from_numpy(new)).numpy(), logits)
    by_hand = new @ fitted.arrays["weight"].T + fitted.arrays["bias"]
    np.testing.assert_allclose(logits, by_hand, rtol=1e-4, atol=1e-5)


def test_separable_features_have_a_best_fit_too():
    vectors, targets = np.eye(N_CLASSES, dtype=np.float32), np.arange(N_CLASSES)
    fitted = LinearHead().fit(vectors, None, targets, HeadContext(N_CLASSES))
    assert np.isfinite(fitted.arrays["weight"]).all()
    assert np.array_equal(fitted.logits(vectors, None).argmax(1), targets)


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
    """A network with dropout and batch norm, waveforms ``[B, 8]`` to logits."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(8, WIDTH), nn.BatchNorm1d(WIDTH), nn.Dropout(0.5))
    return EmotionNetwork(nn.Tanh(), body, nn.Linear(WIDTH, N_CLASSES)).train()


def test_eager_runs_the_network_in_evaluation_mode(network):
    waveforms = torch.randn(2, 8)
    runnable = Eager().prepare(network, waveforms[:1], [])
    logits = runnable(waveforms)
    with torch.inference_mode():
        assert np.array_equal(logits, network.eval()(waveforms).numpy())
    assert Eager().identity == {"precision": "fp32", "version": torch.__version__}


def test_eager_has_two_parts_and_the_second_begins_where_the_first_ends(network):
    waveforms = torch.randn(1, 8)
    runnable = Eager().prepare(network, waveforms, [])
    parts = runnable.parts(waveforms)
    assert list(parts) == ["front_end", "network"]
    assert torch.equal(parts["front_end"](), waveforms.tanh())
    assert np.array_equal(parts["network"]().numpy(), runnable(waveforms))
    assert not parts["network"]().requires_grad
