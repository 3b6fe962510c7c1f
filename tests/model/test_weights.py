"""Weight files: read, named by content, loaded where they fit."""

import hashlib

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from serbench.errors import WeightsError
from serbench.model.weights import file_identity, load_exactly, read_weights, split_state


def state():
    return {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.tensor([1, 2])}


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def test_safetensors_are_read(tmp_path):
    safetensors.torch.save_file(state(), tmp_path / "w.safetensors")
    assert equal(read_weights(tmp_path / "w.safetensors"), state())


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "weights"])
def test_a_state_dict_is_read_from_a_file_of_any_name(name, tmp_path):
    torch.save(state(), tmp_path / name)
    assert equal(read_weights(str(tmp_path / name)), state())


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_state_dict_inside_a_checkpoint_is_found(wrapper, tmp_path):
    torch.save({wrapper: state(), "epoch": 3}, tmp_path / "w.pth")
    assert equal(read_weights(tmp_path / "w.pth"), state())


def test_an_older_files_format_is_read(tmp_path):
    torch.save(state(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert equal(read_weights(tmp_path / "w.pth"), state())


@pytest.mark.parametrize(
    "held",
    [
        [1, 2, 3],
        torch.zeros(2),
        {"model": None},
        {"epoch": 3, "loss": 0.5},
        {0: torch.zeros(1)},
        {"state_dict": {"weight": "heavy"}},
    ],
)
def test_a_file_that_holds_something_else_is_refused(held, tmp_path):
    torch.save(held, tmp_path / "w.pth")
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "w.pth")


class Trap:
    """An object whose unpickling would run code."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_no_code_in_a_file_is_run(tmp_path):
    torch.save({"a": Trap()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "w.pth")
    assert not Trap.sprung


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "w.pth")


@given(content=st.binary(max_size=60), name=st.sampled_from(["w.pth", "w.safetensors"]))
def test_arbitrary_content_is_refused(content, name, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_half_a_file_is_refused(name, tmp_path):
    path = tmp_path / name
    (safetensors.torch.save_file if name.endswith("tensors") else torch.save)(state(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError):
        read_weights(path)


@pytest.mark.parametrize("use", [read_weights, file_identity])
def test_a_missing_file_or_a_folder_is_an_error_with_advice(use, tmp_path):
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(WeightsError):
            use(path)


def test_a_file_is_identified_by_name_and_content(tmp_path):
    path = tmp_path / "trained.pth"
    path.write_bytes(b"content")
    expected = hashlib.sha256(b"content").hexdigest()[:12]
    assert file_identity(path) == f"file:trained.pth:{expected}"
    path.write_bytes(b"other content")
    assert file_identity(path) != f"file:trained.pth:{expected}"


def test_the_folder_of_a_file_does_not_change_its_identity(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "w.pth", tmp_path / "folder" / "w.pth"):
        path.write_bytes(b"content")
    assert file_identity(tmp_path / "w.pth") == file_identity(tmp_path / "folder" / "w.pth")


def network():
    """A backbone of two layers."""
    return nn.ModuleDict({"body": nn.Linear(4, 5), "neck": nn.Linear(5, 3)})


OWN = network().state_dict().keys()
LAST = {"head.weight": torch.zeros(2, 3), "head.bias": torch.zeros(2)}


def test_matching_weights_are_loaded():
    source, module = network(), network()
    load_exactly(module, source.state_dict(), "file")
    assert equal(module.state_dict(), source.state_dict())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s.pop("body.bias"), "body.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "extra"),
        (lambda s: s.update({"body.bias": torch.zeros(6)}), "body.bias"),
    ],
    ids=["missing", "left over", "another shape"],
)
def test_any_difference_is_refused_and_nothing_is_loaded(change, named):
    state_dict = network().state_dict()
    change(state_dict)
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(WeightsError) as refused:
        load_exactly(module, state_dict, "my.pth")
    assert refused.value.facts == {"source": "my.pth", "tensors": (named,)}
    assert equal(module.state_dict(), before)


def test_a_published_state_is_split_into_backbone_and_last_layer():
    body = network().state_dict()
    found, last = split_state({**body, **LAST}, OWN, ["head."])
    assert equal(found, body)
    assert equal(last, {"weight": LAST["head.weight"], "bias": LAST["head.bias"]})


def test_a_state_trained_here_is_split_by_its_prefixes():
    body = network().state_dict()
    named = {f"backbone.{name}": value for name, value in body.items()}
    found, last = split_state({**named, **LAST}, OWN, ["classifier."])
    assert equal(found, body)
    assert equal(last, {"weight": LAST["head.weight"], "bias": LAST["head.bias"]})


def test_of_several_last_layers_none_is_returned():
    body = network().state_dict()
    auxiliary = {"aux.weight": torch.zeros(2, 3)}
    found, last = split_state({**body, **LAST, **auxiliary}, OWN, ["head.", "aux."])
    assert equal(found, body)
    assert last == {}


def test_a_name_that_only_begins_like_the_last_layers_belongs_to_the_backbone():
    found, last = split_state({"headless": torch.zeros(1)}, ["headless"], ["head."])
    assert list(found) == ["headless"]
    assert last == {}


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod."])
def test_names_have_no_prefixes_of_wrappers(wrapper, tmp_path):
    wrapped = {wrapper + name: tensor for name, tensor in state().items()}
    torch.save(wrapped, tmp_path / "w.pth")
    assert equal(read_weights(tmp_path / "w.pth"), state())


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_or_infinite_weights_are_refused_and_named(value, suffix, tmp_path):
    tensors = state()
    tensors["a.weight"][1, 2] = value
    path = tmp_path / f"w.{suffix}"
    (torch.save if suffix == "pth" else safetensors.torch.save_file)(tensors, path)
    with pytest.raises(WeightsError) as refusal:
        read_weights(path)
    assert refusal.value.facts["tensors"] == ("a.weight",)
