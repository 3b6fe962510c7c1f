"""Weight files: read, named by content, loaded where they fit."""

import hashlib

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from serbench.errors import WeightsError
from serbench.model.weights import file_identity, load_matching, read_weights


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
def test_a_state_dict_is_read_whatever_the_file_is_called(name, tmp_path):
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
    with pytest.raises(WeightsError, match=r"w\.pth holds no state dict"):
        read_weights(tmp_path / "w.pth")


class Trap:
    """Unpickled, it would run code."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_no_code_in_a_file_is_run(tmp_path):
    torch.save({"a": Trap()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / "w.pth")
    assert not Trap.sprung


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"give a \.safetensors file or a \.pth state dict"):
        read_weights(tmp_path / "w.pth")


@given(content=st.binary(max_size=60), name=st.sampled_from(["w.pth", "w.safetensors"]))
def test_no_garbage_is_a_surprise(content, name, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_half_a_file_is_refused(name, tmp_path):
    path = tmp_path / name
    (safetensors.torch.save_file if name.endswith("tensors") else torch.save)(state(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(path)


@pytest.mark.parametrize("use", [read_weights, file_identity])
def test_a_missing_file_or_a_folder_is_an_error_with_advice(use, tmp_path):
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(WeightsError, match="--weights takes default, none or a file"):
            use(path)


def test_a_file_is_identified_by_name_and_content(tmp_path):
    path = tmp_path / "trained.pth"
    path.write_bytes(b"content")
    expected = hashlib.sha256(b"content").hexdigest()[:12]
    assert file_identity(path) == f"file:trained.pth:{expected}"
    path.write_bytes(b"other content")
    assert file_identity(path) != f"file:trained.pth:{expected}"


def test_where_a_file_lies_does_not_count(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "w.pth", tmp_path / "folder" / "w.pth"):
        path.write_bytes(b"content")
    assert file_identity(tmp_path / "w.pth") == file_identity(tmp_path / "folder" / "w.pth")


def network(n_classes=3):
    """A body and two last layers, as a distilled network has them."""
    return nn.ModuleDict(
        {"body": nn.Linear(4, 5), "head": nn.Linear(5, n_classes), "aux": nn.Linear(5, n_classes)}
    )


HEADS = ("head.", "aux.")


def test_what_fits_is_loaded_with_the_last_layers():
    source, module = network(), network()
    load_matching(module, source.state_dict(), HEADS, "file")
    assert equal(module.state_dict(), source.state_dict())


def test_last_layers_of_another_size_stay_fresh():
    source, module = network(7), network()
    fresh = {name: value.clone() for name, value in module.state_dict().items()}
    load_matching(module, source.state_dict(), HEADS, "file")
    loaded = module.state_dict()
    assert torch.equal(loaded["body.weight"], source.state_dict()["body.weight"])
    for name in ("head.weight", "head.bias", "aux.weight", "aux.bias"):
        assert torch.equal(loaded[name], fresh[name])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s.pop("body.bias"), r"1 tensors differ, such as body\.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 tensors differ, such as extra"),
        (lambda s: s.update({"body.bias": torch.zeros(6)}), r"such as body\.bias"),
        (lambda s: s.update(headless=torch.zeros(1)), "such as headless"),
    ],
    ids=["missing", "left over", "another shape", "a name that only begins like the last layer's"],
)
def test_anything_else_that_differs_is_refused_and_nothing_is_loaded(change, named):
    state_dict = network().state_dict()
    change(state_dict)
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(WeightsError, match=f"my.pth does not fit this backbone.*{named}"):
        load_matching(module, state_dict, HEADS, "my.pth")
    assert equal(module.state_dict(), before)
