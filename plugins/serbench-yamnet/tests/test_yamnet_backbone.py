"""A backbone like any other: its weights, its stages, its names."""

import pytest
import safetensors.torch
import torch
from serbench_yamnet.plugin import WEIGHTS_VARIABLE, YamnetBackbone
from yamnet_material import folded_network

from serbench.errors import WeightsError
from serbench.plugins import Plugins


def test_backbone_and_front_end_are_registered_and_belong_together():
    plugins = Plugins()
    backbone = plugins.backbones.get("yamnet")
    assert plugins.front_ends.get(backbone.front_end).sample_rate == 16000


def test_without_a_file_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    with pytest.raises(
        WeightsError, match=f"--weights yamnet.tflite.*{WEIGHTS_VARIABLE}"
    ) as caught:
        YamnetBackbone().build(6, "default")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["nowhere.tflite", "nowhere.safetensors"])
def test_a_missing_file_is_an_error_that_names_it(file, tmp_path, monkeypatch):
    with pytest.raises(WeightsError, match=f"no weights at .*{file}"):
        YamnetBackbone().build(6, str(tmp_path / file))
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / file))
    with pytest.raises(WeightsError, match=f"no weights at .*{file}"):
        YamnetBackbone().build(6, "default")


def test_random_weights_are_asked_for_by_name():
    assert YamnetBackbone().build(6, "none").weights == "none"


@pytest.mark.parametrize("n_classes", [6, 4])
def test_a_network_trained_here_before_is_taken_and_named_by_its_content(n_classes, tmp_path):
    trained = folded_network().state_dict()
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(trained, path)
    built = YamnetBackbone().build(n_classes, str(path))
    state = built.module.state_dict()
    differ = {name for name in trained if not torch.equal(state[name], trained[name])}
    head = {"network.classifier.weight", "network.classifier.bias"}
    assert differ == (set() if n_classes == 6 else head)
    assert built.weights.startswith("file:mine.safetensors:")


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="does not fit"):
        YamnetBackbone().build(6, str(path))


def test_there_are_a_stem_and_13_blocks_in_order_and_never_the_last_layer():
    backbone = YamnetBackbone()
    module = backbone.build(6, "none").module
    stages = backbone.stages(module)
    names = [name for name, _ in module.named_parameters()]
    assert len(stages) == 14
    assert [name for stage in stages for name in stage] == names[:-2]
    assert names[-2:] == ["network.classifier.weight", "network.classifier.bias"]
    assert backbone.initial_freeze_depth(module) == 0
    assert sum(each.numel() for each in module.parameters()) == pytest.approx(3.21e6, rel=0.01)


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text file\n", b"\x1c\0\0\0TFL3" + b"\7" * 99]
)
def test_garbage_is_refused(content, tmp_path):
    path = tmp_path / "yamnet.tflite"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as a TensorFlow Lite model"):
        YamnetBackbone().build(6, str(path))
