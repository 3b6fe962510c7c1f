"""timm's networks, cut before their last layer, compute with it what they compute whole."""

import pytest
import safetensors.torch
import timm
import torch
import torch.nn.functional as F
from torch import nn

from serbench.builtin.linear_head import LinearHead
from serbench.builtin.timm import TimmBackbone
from serbench.errors import WeightsError

N_CLASSES = 6
NAMES = ["test_efficientnet", "mobilenetv3_small_050", "test_vit", "efficientvit_m0"]
"""The last one has a batch norm beside its last layer, which is not the last layer's."""


def images(name, n_clips=4):
    spec = TimmBackbone(name).input_spec()
    return torch.randn(n_clips, spec.channels, spec.height, spec.width)


def in_two_parts(name, seed):
    torch.manual_seed(seed)
    built = TimmBackbone(name).build("none", N_CLASSES)
    return nn.Sequential(
        built.module, LinearHead().module(built.widths["pooled"], N_CLASSES, built.head, {})
    )


def after_a_step(network, batch):
    """Logits in evaluation mode before and after a training step."""
    with torch.inference_mode():
        before = network.eval()(batch)
    torch.manual_seed(1)  # dropout
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3)
    F.cross_entropy(network(batch), torch.arange(len(batch))).backward()
    optimizer.step()
    with torch.inference_mode():
        return before, network.eval()(batch)


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_random_numbers_are_those_of_the_whole_network(name):
    batch = images(name)
    torch.manual_seed(7)
    whole, drawn = timm.create_model(name, num_classes=N_CLASSES), torch.get_rng_state()
    parts = in_two_parts(name, seed=7)
    assert torch.equal(torch.get_rng_state(), drawn)
    for expected, found in zip(after_a_step(whole, batch), after_a_step(parts, batch), strict=True):
        assert torch.equal(expected, found)


@pytest.mark.parametrize("name", ["dla46_c", "deit_tiny_distilled_patch16_224", "volo_d1_224"])
def test_a_last_layer_that_is_not_one_linear_layer_is_left_out(name):
    """The first ends in a convolution, the others in two layers."""
    with torch.device("meta"):  # shapes without values
        built = TimmBackbone(name).build("none", N_CLASSES)
        assert built.head is None
        assert built.module.eval()(images(name, 2)).shape == (2, built.widths["pooled"])


def test_measuring_the_width_draws_no_numbers_and_keeps_the_statistics():
    torch.manual_seed(0)
    timm.create_model("dla46_c", num_classes=N_CLASSES)
    drawn = torch.get_rng_state()
    torch.manual_seed(0)
    module = TimmBackbone("dla46_c").build("none", N_CLASSES).module
    assert torch.equal(torch.get_rng_state(), drawn)
    counts = [count for name, count in module.named_buffers() if name.endswith("_tracked")]
    assert counts
    assert not any(counts)


def test_for_no_number_of_emotions_there_is_no_last_layer():
    assert TimmBackbone("test_vit").build("none").head is None


@pytest.mark.parametrize("n_classes", [4, 6])
def test_a_published_file_brings_its_last_layer_where_it_fits(n_classes, tmp_path):
    published = timm.create_model("test_vit", num_classes=4).state_dict()
    path = tmp_path / "published.safetensors"
    safetensors.torch.save_file(published, path)
    built = TimmBackbone("test_vit").build(str(path), n_classes)
    loaded = built.module.state_dict()
    assert all(torch.equal(values, published[name]) for name, values in loaded.items())
    fits = len(built.head["weight"]) == 4 and torch.equal(
        built.head["weight"], published["head.weight"]
    )
    assert fits == (n_classes == 4)
    assert len(built.head["weight"]) == n_classes


def test_of_a_published_file_with_a_larger_classifier_the_rest_is_loaded(tmp_path):
    """Its classifiers are batch norms and linear layers."""
    published = timm.create_model("levit_128s", num_classes=4).state_dict()
    path = tmp_path / "published.pth"
    torch.save(published, path)
    built = TimmBackbone("levit_128s").build(str(path), 4)
    assert built.head is None
    loaded = built.module.state_dict()
    assert all(torch.equal(values, published[name]) for name, values in loaded.items())
    assert all(name.startswith("head") for name in published.keys() - loaded.keys())


def test_a_file_of_another_network_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(timm.create_model("test_efficientnet", num_classes=4).state_dict(), path)
    with pytest.raises(WeightsError) as refused:
        TimmBackbone("test_vit").build(str(path), 4)
    assert refused.value.facts["source"] == str(path)
    assert "conv_stem.weight" in refused.value.facts["tensors"]
