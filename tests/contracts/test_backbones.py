"""Backbones of every sort keep their contract, and freeze where the paper froze."""

import random
from dataclasses import dataclass, replace

import pytest
import timm
import torch
from networks import BACKBONES, N_CLASSES, build, on_paper
from torch import nn

from serbench.errors import UsageError
from serbench.model.backbone import Backbone
from serbench.model.network import Freezing
from serbench.testing import contract, stages
from serbench.testing.backbones import (
    it_exports_to_onnx,
    its_front_end_is_registered,
    its_input_has_a_mean_and_a_standard_deviation_for_each_channel,
)
from serbench.testing.networks import images_for

ONNX = it_exports_to_onnx
ON_PAPER = [
    its_input_has_a_mean_and_a_standard_deviation_for_each_channel,
    its_front_end_is_registered,
    stages.stages_are_disjoint,
    stages.stages_contain_every_parameter,
    stages.a_greater_freeze_depth_freezes_more_parameters,
    stages.unfreezing_undoes_freezing,
    stages.its_freeze_depths_are_possible,
]
"""What can be checked of a network without memory or values."""

SMALL = ["homebrew", "mobilenetv3_small_050", "resnet18", "convnext_atto"]
LARGER = ["tf_efficientnetv2_b0", "inception_v3", "vit_tiny_patch16_224"]


@dataclass(frozen=True)
class Smaller:
    """A backbone that looks at 64×64 images, which its network may, to be checked in seconds."""

    backbone: Backbone

    def __getattr__(self, name):
        if name.startswith("__") or name == "backbone":
            raise AttributeError(name)
        return getattr(self.backbone, name)

    def input_spec(self):
        return replace(self.backbone.input_spec(), height=64, width=64)


def learning(module):
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def on_paper_images(name):
    spec = BACKBONES.get(name).input_spec()
    return torch.empty(2, spec.channels, spec.height, spec.width, device="meta")


@pytest.mark.parametrize("check", [each for each in contract("backbone") if each is not ONNX])
@pytest.mark.parametrize("name", SMALL)
def test_small_ones_keep_the_contract(name, check):
    check(Smaller(BACKBONES.get(name)))


@pytest.mark.parametrize(
    "name",
    ["homebrew", *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL[1:] + LARGER)],
)
def test_they_export_to_onnx(name):
    ONNX(BACKBONES.get(name))


@pytest.mark.slow
@pytest.mark.parametrize("check", [each for each in contract("backbone") if each is not ONNX])
@pytest.mark.parametrize("name", LARGER)
def test_larger_ones_keep_the_contract(name, check):
    check(BACKBONES.get(name))


@pytest.mark.parametrize("check", ON_PAPER)
@pytest.mark.parametrize("name", LARGER)
def test_larger_ones_keep_it_on_paper(name, check):
    with torch.device("meta"):
        check(BACKBONES.get(name))


@pytest.mark.parametrize("name", LARGER)
def test_vectors_have_the_width_that_is_stated(name):
    with torch.device("meta"):
        built = BACKBONES.get(name).build("none")
    assert built.module.eval()(on_paper_images(name)).shape == (2, built.widths["pooled"])


@pytest.mark.parametrize(("name", "count"), [("homebrew", 4), ("resnet18", 5)])
def test_the_number_of_stages_is_what_the_architecture_says(name, count):
    assert len(BACKBONES.get(name).stages(on_paper(name))) == count


@pytest.mark.parametrize("name", [*LARGER, "convformer_s18", "pit_ti_224", "rdnet_tiny"])
def test_stages_are_ordered_from_the_input_on(name):
    """Leaf modules are reached in the order of the stages their parameters are in."""
    module = on_paper(name).eval()
    stage_of = {
        parameter: number
        for number, stage in enumerate(BACKBONES.get(name).stages(module))
        for parameter in stage
    }
    reached = []
    for leaf_name, leaf in module.named_modules():
        own = [f"{leaf_name}.{each}" for each, _ in leaf.named_parameters(recurse=False)]
        numbers = {stage_of[each] for each in own if each in stage_of}
        if leaf_name and numbers:
            (number,) = numbers
            leaf.register_forward_pre_hook(
                lambda module, inputs, number=number: reached.append(number)
            )
    module(on_paper_images(name))
    firsts = list(dict.fromkeys(reached))
    assert firsts == sorted(firsts)
    assert len(firsts) > 1


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050", "resnet18"])
def test_frozen_batch_norms_keep_their_statistics(name):
    module = build(name)
    stages = BACKBONES.get(name).stages(module)
    still = {each for stage in stages[:2] for each in stage}
    Freezing(module, stages, 2).train(module)
    norms = {path: part for path, part in module.named_modules() if hasattr(part, "running_mean")}
    before = {path: norm.running_mean.clone() for path, norm in norms.items()}
    module(images_for(Smaller(BACKBONES.get(name)), 4) + 1)
    for path, norm in norms.items():
        unchanged = torch.equal(norm.running_mean, before[path])
        assert unchanged == (f"{path}.weight" in still), path
        assert unchanged != norm.training, path


def test_dropout_inside_a_frozen_stage_is_off():
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), nn.Linear(2, 2))
    Freezing(module, [["0.0.weight", "0.0.bias"]], 1).train(module)
    assert not module[0][1].training
    assert module[1].training


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_the_paper_froze_inception_only(name):
    depth = BACKBONES.get(name).freeze_depths(on_paper(name)).initial
    assert (depth > 0) == (name == "inception_v3")


@pytest.mark.parametrize("name", [*SMALL[1:], *LARGER])
def test_a_last_layer_is_handed_on_for_as_many_classes_as_asked(name):
    with torch.device("meta"):
        built = BACKBONES.get(name).build("none", 9)
        without = BACKBONES.get(name).build("none")
    shapes = {each: tuple(tensor.shape) for each, tensor in built.head.items()}
    assert shapes == {"weight": (9, built.widths["pooled"]), "bias": (9,)}
    assert without.head is None


@pytest.mark.parametrize("name", ["inception_v3", "inception_v3.tf_in1k"])
def test_of_inception_the_paper_trained_the_last_eight_mixed_layers(name):
    module = on_paper(name)
    backbone = BACKBONES.get(name)
    Freezing(module, backbone.stages(module), backbone.freeze_depths(module).initial)
    assert {each.split(".")[0] for each in learning(module)} == {
        *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
    }


@pytest.mark.skipif("qwen3_vit_88m_enc" not in BACKBONES, reason="older timm")
def test_an_encoder_without_a_last_layer_is_refused():
    with torch.device("meta"), pytest.raises(UsageError):
        BACKBONES.get("qwen3_vit_88m_enc").build("none", N_CLASSES)


def small_timm_names(count):
    """A random choice, always the same, of architectures that are quick to write down."""
    sizes = ("tiny", "nano", "atto", "pico", "femto", "small", "18", "b0", "xxs")
    names = [n for n in timm.list_models() if any(size in n for size in sizes) and "enc" not in n]
    return random.Random(20240607).sample(names, count)


@pytest.mark.parametrize("name", small_timm_names(8))
def test_any_small_timm_network_can_be_built_and_frozen(name):
    backbone = BACKBONES.get(name)
    assert len(backbone.stages(on_paper(name))) >= 2
    assert backbone.input_spec().channels == 3
    with torch.device("meta"):
        for check in ON_PAPER:
            check(backbone)


def test_every_timm_architecture_is_offered_with_and_without_its_tags():
    assert set(timm.list_models()) <= {backbone.name for backbone in BACKBONES}
    assert "inception_v3.tf_in1k" in BACKBONES
