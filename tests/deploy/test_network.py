"""Trained networks: kept whole, checked, loaded back."""

import copy
import errno
import hashlib
from pathlib import Path

import pytest
import torch

from serbench.data.clips import ClipFormat
from serbench.deploy.network import check_weights, load_network, save_weights
from serbench.errors import StorageError, WeightsError
from serbench.plugins import Plugins

EMOTIONS = 6
CLIPS = ClipFormat(sample_rate=16_000, seconds=0.5)
PLUGINS = Plugins()
HOMEBREW = PLUGINS.backbones.get("homebrew")
MEL = PLUGINS.front_ends.get("mel")


@pytest.fixture(scope="module")
def module():
    """A network that has seen something, so that its batch norms are not as they began."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = HOMEBREW.build(EMOTIONS, "none").module
        built(torch.randn(8, 1, 128, 128))
    return built.eval()


@pytest.fixture
def path(tmp_path):
    """Where weights may be kept; its folder is yet to be made."""
    return tmp_path / "artifacts" / "winner.safetensors"


@pytest.fixture
def saved(module, path):
    """The weights of ``module`` in a file, and the file's hash."""
    return save_weights(module.state_dict(), path)


def load(path, n_classes=EMOTIONS):
    return load_network(HOMEBREW, MEL, CLIPS, n_classes, path)


def test_the_hash_is_that_of_the_file(saved, path):
    assert saved == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_weights_make_the_same_file(saved, module, path):
    assert save_weights(module.state_dict(), path.with_stem("again")) == saved


def test_nothing_else_is_left_in_the_folder(saved, path):
    assert list(path.parent.iterdir()) == [path]


def test_a_loaded_network_says_what_the_trained_one_said(saved, module, path):
    network = load(path)
    waveform = torch.randn(3, CLIPS.samples, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        image = MEL.build(CLIPS, HOMEBREW.input_spec())(waveform)
        expected = copy.deepcopy(module).to(memory_format=torch.channels_last)(image)
        assert torch.equal(network(waveform), expected)


def test_every_tensor_comes_back_bit_for_bit(saved, module, path):
    loaded = load(path).backbone.state_dict()
    assert loaded.keys() == module.state_dict().keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in module.state_dict().items())


def test_a_loaded_network_is_in_evaluation_mode(saved, path):
    assert not any(part.training for part in load(path).modules())


def test_a_full_disk_leaves_the_old_weights(saved, module, path, monkeypatch):
    before = path.read_bytes()

    def write_half(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(StorageError, match=r"cannot take the trained weights \(No space left"):
        save_weights({"other": torch.zeros(1)}, path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file cannot take the trained weights"):
        save_weights({"any": torch.zeros(1)}, tmp_path / "file" / "weights.safetensors")


def test_weights_that_are_as_recorded_pass(saved, path):
    check_weights(path, saved)


def test_weights_of_another_content_are_refused(saved, path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is not what was trained: its hash differs"):
        check_weights(path, saved)


def test_missing_weights_say_what_to_do(path):
    with pytest.raises(WeightsError, match=r"are missing: .*winner\.safetensors; run its study"):
        check_weights(path, "0")
    with pytest.raises(WeightsError, match="no weights at"):
        load(path)


def test_weights_for_other_emotions_do_not_fit(saved, path):
    with pytest.raises(WeightsError, match="does not fit homebrew: run its study again"):
        load(path, n_classes=7)


@pytest.mark.parametrize("content", [b"", b"not tensors", b"\x00" * 100])
def test_a_file_that_holds_no_tensors_is_refused(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load(path)
