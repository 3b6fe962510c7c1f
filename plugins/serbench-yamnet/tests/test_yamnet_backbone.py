"""The backbone's weights, stages and names."""

import pytest
import safetensors.torch
import torch
from serbench_yamnet.plugin import WEIGHTS_VARIABLE, YamnetBackbone
from yamnet_material import folded_network

from serbench.errors import WeightsError
from serbench.plugins import Plugins


def test_backbone_and_front_end_are_registered():
    plugins = Plugins()
    backbone = plugins.backbones.get("yamnet")
    assert plugins.front_ends.get(backbone.front_end).sample_rate == 16000


def test_without_a_file_the_error_names_the_variable(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    with pytest.raises(WeightsError) as refused:
        YamnetBackbone().build("default", 6)
    assert refused.value.facts == {"variable": WEIGHTS_VARIABLE}


@pytest.mark.parametrize("file", ["nowhere.tflite", "nowhere.safetensors"])
def test_a_missing_file_is_an_error_that_names_it(file, tmp_path, monkeypatch):
    path = tmp_path / file
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(path))
    for weights in (str(path), "default"):
        with pytest.raises(WeightsError) as refused:
            YamnetBackbone().build(weights, 6)
        assert refused.value.facts == {"path": path}


def test_random_weights_are_asked_for_by_name():
    assert YamnetBackbone().build("none", 6).weights == "none"


def test_the_last_layer_is_initialised_with_the_rest_and_only_for_given_classes():
    built = YamnetBackbone().build("none", 6)
    assert built.widths["pooled"] == 1024
    assert {name: tuple(values.shape) for name, values in built.head.items()} == {
        "weight": (6, 1024),
        "bias": (6,),
    }
    assert YamnetBackbone().build("none").head is None


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("n_classes", [6, 4])
def test_a_trained_network_is_loaded_and_identified_by_its_content(published, n_classes, tmp_path):
    body = folded_network().state_dict()
    last = {"weight": torch.randn(6, 1024), "bias": torch.randn(6)}
    prefixes = ("", "network.classifier.") if published else ("backbone.", "head.")
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(
        {
            prefix + name: values
            for prefix, state in zip(prefixes, (body, last), strict=True)
            for name, values in state.items()
        },
        path,
    )
    built = YamnetBackbone().build(str(path), n_classes)
    loaded = built.module.state_dict()
    assert all(torch.equal(loaded[name], values) for name, values in body.items())
    kept = torch.equal(built.head["weight"], last["weight"]) if n_classes == 6 else False
    assert kept == (n_classes == 6)
    assert len(built.head["weight"]) == n_classes
    assert built.weights.startswith("file:mine.safetensors:")


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError) as refused:
        YamnetBackbone().build(str(path), 6)
    assert refused.value.facts["source"] == str(path)
    assert "layer.weight" in refused.value.facts["tensors"]


def test_the_stages_are_a_stem_and_13_blocks_in_order():
    backbone = YamnetBackbone()
    module = backbone.build("none", 6).module
    stages = backbone.stages(module)
    names = [name for name, _ in module.named_parameters()]
    assert len(stages) == 14
    assert [name for stage in stages for name in stage] == names
    assert backbone.freeze_depths(module).initial == 0
    assert sum(each.numel() for each in module.parameters()) == pytest.approx(3.2e6, rel=0.01)


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text file\n", b"\x1c\0\0\0TFL3" + b"\7" * 99]
)
def test_other_content_is_refused(content, tmp_path):
    path = tmp_path / "yamnet.tflite"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as refused:
        YamnetBackbone().build(str(path), 6)
    assert refused.value.facts == {"path": path}
