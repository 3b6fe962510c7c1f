"""The weights of every backbone: random, from a file or fetched, and always identified."""

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
from networks import BACKBONES, N_CLASSES, build
from torch import nn

from serbench.errors import WeightsError
from serbench.model.weights import file_identity


def test_homebrew_has_no_weights_of_its_own():
    assert BACKBONES.get("homebrew").build("default").weights == "none"


@pytest.fixture(params=[".safetensors", ".pth"])
def save(request, tmp_path):
    """``save(module)`` writes a weights file of either kind and gives its path."""

    def write(state):
        path = tmp_path / f"trained{request.param}"
        if request.param == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save(state, path)
        return path

    return write


def trained(name, n_classes):
    """A network's state as a study keeps it, backbone and last layer."""
    torch.manual_seed(1)
    built = BACKBONES.get(name).build("none", n_classes)
    head = nn.Linear(built.widths["pooled"], n_classes).state_dict()
    body = {f"backbone.{each}": value for each, value in built.module.state_dict().items()}
    return {**body, **{f"head.{each}": value for each, value in head.items()}}


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
@pytest.mark.parametrize("emotions", [N_CLASSES, 4])
def test_a_file_trained_here_is_loaded_with_a_last_layer_that_fits(name, emotions, save):
    state = trained(name, emotions)
    path = save(state)
    torch.manual_seed(2)
    built = BACKBONES.get(name).build(str(path), N_CLASSES)
    assert built.weights == file_identity(path)
    assert built.weights.startswith(f"file:{path.name}:")
    loaded = built.module.state_dict()
    assert all(torch.equal(loaded[each], state[f"backbone.{each}"]) for each in loaded)
    kept = built.head is not None and torch.equal(built.head["bias"], state["head.bias"])
    assert kept == (emotions == N_CLASSES)


def test_a_published_file_without_a_last_layer_is_loaded(save):
    body = build("homebrew").state_dict()
    loaded = build("homebrew", weights=str(save(body))).state_dict()
    assert all(torch.equal(loaded[each], body[each]) for each in body)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_the_weights_of_another_network_are_refused(name, save):
    path = save({"layer1.weight": torch.zeros(3, 3), "layer1.bias": torch.zeros(3)})
    with pytest.raises(WeightsError):
        BACKBONES.get(name).build(str(path), N_CLASSES)


def test_a_file_with_one_wrong_shape_is_refused_by_name(save):
    state = build("homebrew").state_dict()
    state["block1.0.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError) as refused:
        BACKBONES.get("homebrew").build(str(save(state)))
    assert refused.value.facts["tensors"] == ("block1.0.weight",)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_a_missing_file_is_an_error_that_names_it(name, tmp_path):
    with pytest.raises(WeightsError):
        BACKBONES.get(name).build(str(tmp_path / "nowhere.pth"), N_CLASSES)


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n", bytes(range(256)) * 20])
def test_garbage_is_refused(file, content, tmp_path):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(WeightsError):
        BACKBONES.get("homebrew").build(str(tmp_path / file), N_CLASSES)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A Hugging Face hub that can neither be reached nor has been asked before."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_network")
def test_weights_that_cannot_be_fetched_are_an_error_that_names_the_ways_out():
    with pytest.raises(WeightsError) as failure:
        BACKBONES.get("mobilenetv3_small_050").build("default", N_CLASSES)
    message = str(failure.value)
    assert "mobilenetv3_small_050" in message
    assert "HF_HOME" in message
    assert "--weights FILE" in message
    assert "--weights none" in message
    assert "\n" not in message


@pytest.mark.usefixtures("no_network")
def test_a_network_nobody_has_trained_is_never_started_at_random_by_default():
    untrained = next(
        name for name in timm.list_models("*nano*") if not timm.models.is_model_pretrained(name)
    )
    with pytest.raises(WeightsError):
        BACKBONES.get(untrained).build("default", N_CLASSES)


def test_fetched_weights_are_identified_by_architecture_and_tag(monkeypatch):
    asked = {}
    create = timm.create_model

    def fetch(name, *, pretrained, **options):
        asked.update(name=name, pretrained=pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", fetch)
    built = BACKBONES.get("mobilenetv3_small_050").build("default", N_CLASSES)
    assert asked == {"name": "mobilenetv3_small_050", "pretrained": True}
    assert built.weights == "timm:mobilenetv3_small_050.lamb_in1k"
