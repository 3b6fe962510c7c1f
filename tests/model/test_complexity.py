"""Parameters and multiply-accumulates, compared with sums computed by hand."""

import pytest
import torch
from torch import nn

from serbench.builtin.homebrew import Homebrew
from serbench.model.complexity import Complexity, measure_complexity
from serbench.model.network import EmotionNetwork
from serbench.plugins import Plugins


def blank(channels, height, width):
    return torch.zeros(1, channels, height, width)


def whole(backbone, head=None):
    """A network of a backbone and a head, which is optional."""
    return EmotionNetwork(nn.Identity(), backbone, head or nn.Identity())


def flat(layers):
    """The layers, with a vector for each clip as their output."""
    return nn.Sequential(layers, nn.Flatten())


def test_homebrew_is_as_large_as_the_sum_of_its_layers():
    # Kernel 5, 3, 3, 3; stride 2: 128 → 64 → 32 → 16 → 8 rows and columns.
    weights = [8 * 1 * 25, 16 * 8 * 9, 32 * 16 * 9, 64 * 32 * 9]
    biases_and_norms = 3 * (8 + 16 + 32 + 64)
    head = 64 * 6
    params = sum(weights) + biases_and_norms + head + 6
    macs = sum(w * side**2 for w, side in zip(weights, (64, 32, 16, 8), strict=True)) + head
    assert (params, macs) == (25_142, 4_358_528)

    built = Homebrew().build("none")
    network = whole(built.module, nn.Linear(64, 6))
    assert measure_complexity(network, blank(1, 128, 128)) == Complexity(params, macs)


def test_a_linear_layer_costs_one_multiplication_a_weight():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    assert measure_complexity(whole(network), blank(1, 3, 4)) == Complexity(12 * 5 + 5, 12 * 5)


def test_a_grouped_convolution_costs_less_than_a_full_one():
    full, grouped = (
        measure_complexity(
            whole(flat(nn.Conv2d(4, 4, 3, padding=1, groups=groups, bias=False))),
            blank(4, 10, 10),
        )
        for groups in (1, 4)
    )
    assert full == Complexity(144, 14_400)
    assert grouped == Complexity(36, 3_600)


def test_resnet18_is_as_large_as_its_authors_report():
    backbone = Plugins().backbones.get("resnet18")
    measured = measure_complexity(
        whole(backbone.build("none").module, nn.Linear(512, 1000)), blank(3, 224, 224)
    )
    assert measured.params == 11_689_512
    assert measured.macs == pytest.approx(1.8e9, rel=0.02)


def test_frozen_parameters_count_too():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).requires_grad_(False)
    assert measure_complexity(whole(network), blank(1, 2, 2)).params == 10


def test_measuring_changes_no_statistics():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = network[1].running_mean.clone()
    measure_complexity(whole(flat(network)), blank(1, 8, 8))
    assert torch.equal(network[1].running_mean, before)
