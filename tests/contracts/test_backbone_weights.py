"""The weights of every backbone: random, from a file or fetched, and always identified."""

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
from networks import BACKBONES, N_CLASSES, build, head_of

from serbench.errors import WeightsError
from serbench.model.weights import file_identity


def test_homebrew_has_no_weights_of_its_own():
    assert BACKBONES.get("homebrew").build(N_CLASSES, "default").weights == "none"


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


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_a_file_of_as_many_emotions_is_loaded_whole(name, save):
    torch.manual_seed(1)
    trained = BACKBONES.get(name).build(N_CLASSES, "none").module.state_dict()
    path = save(trained)
    torch.manual_seed(2)
    built = BACKBONES.get(name).build(N_CLASSES, str(path))
    assert built.weights == file_identity(path)
    assert built.weights.startswith(f"file:{path.name}:")
    loaded = built.module.state_dict()
    assert all(torch.equal(loaded[each], trained[each]) for each in trained)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_of_a_file_of_other_emotions_all_but_the_last_layer_is_loaded(name, save):
    torch.manual_seed(1)
    trained = BACKBONES.get(name).build(4, "none").module.state_dict()
    torch.manual_seed(2)
    module = BACKBONES.get(name).build(N_CLASSES, str(save(trained))).module
    head = head_of(name, module)
    loaded = module.state_dict()
    assert {each for each in trained if loaded[each].shape != trained[each].shape} == set(head)
    assert all(torch.equal(loaded[e], trained[e]) for e in trained if e not in head)
    assert module.get_parameter(head[0]).std() > 0


def test_a_last_layer_may_be_missing_from_the_file(save):
    trained = build("homebrew").state_dict()
    headless = {each: value for each, value in trained.items() if not each.startswith("head.")}
    loaded = build("homebrew", weights=str(save(headless))).state_dict()
    assert all(torch.equal(loaded[each], headless[each]) for each in headless)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_the_weights_of_another_network_are_refused(name, save):
    path = save({"layer1.weight": torch.zeros(3, 3), "layer1.bias": torch.zeros(3)})
    with pytest.raises(WeightsError, match="does not fit this backbone"):
        BACKBONES.get(name).build(N_CLASSES, str(path))


def test_a_file_with_one_wrong_shape_is_refused_by_name(save):
    trained = build("homebrew").state_dict()
    trained["block1.0.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"1 tensors differ, such as block1\.0\.weight"):
        BACKBONES.get("homebrew").build(N_CLASSES, str(save(trained)))


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_a_missing_file_is_an_error_that_names_it(name, tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at .*nowhere\.pth"):
        BACKBONES.get(name).build(N_CLASSES, str(tmp_path / "nowhere.pth"))


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n", bytes(range(256)) * 20])
def test_garbage_is_refused(file, content, tmp_path):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        BACKBONES.get("homebrew").build(N_CLASSES, str(tmp_path / file))


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A Hugging Face hub that can neither be reached nor has been asked before."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_network")
def test_weights_that_cannot_be_fetched_are_an_error_that_names_the_ways_out():
    with pytest.raises(WeightsError) as failure:
        BACKBONES.get("mobilenetv3_small_050").build(N_CLASSES, "default")
    message = str(failure.value)
    assert "mobilenetv3_small_050" in message
    assert "connect to the internet" in message
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
        BACKBONES.get(untrained).build(N_CLASSES, "default")


def test_fetched_weights_are_identified_by_architecture_and_tag(monkeypatch):
    asked = {}
    create = timm.create_model

    def fetch(name, *, pretrained, num_classes):
        asked.update(name=name, pretrained=pretrained)
        return create(name, pretrained=False, num_classes=num_classes)

    monkeypatch.setattr(timm, "create_model", fetch)
    built = BACKBONES.get("mobilenetv3_small_050").build(N_CLASSES, "default")
    assert asked == {"name": "mobilenetv3_small_050", "pretrained": True}
    assert built.weights == "timm:mobilenetv3_small_050.lamb_in1k"
