"""A study may begin from a network that was trained here, with other emotions too."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from serbench.builtin.homebrew import Homebrew
from serbench.deploy.network import save_weights
from serbench.errors import UsageError, WeightsError
from serbench.model.weights import file_identity, read_weights
from serbench.run.warm_start import warm_start
from serbench.store.entries import EntryRecord
from serbench.workspace import Workspace

EMOTIONS = ("sadness", "anger", "fear")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A homebrew trained on three emotions, kept as entry 7; ``start(emotions)`` begins from it."""
    workspace = Workspace("sqlite://", tmp_path / "cache", tmp_path / "artifacts")
    torch.manual_seed(3)
    state = Homebrew().build(len(EMOTIONS), "none").module.state_dict()
    sha256 = save_weights(state, workspace.artifacts / "abc.safetensors")
    record = EntryRecord(SimpleNamespace(backbone="homebrew"), EMOTIONS, "abc.safetensors", sha256)

    def entry(self, number):
        if number != 7:
            raise UsageError(f"no entry {number}: there are 7")
        return record

    monkeypatch.setattr("serbench.store.entries.Entries.record", entry)

    def start(emotions=EMOTIONS, number=7, backbone=None):
        return warm_start(number, backbone or Homebrew(), emotions, None, workspace)

    return SimpleNamespace(start=start, state=state, artifacts=workspace.artifacts)


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_with_the_same_emotions_everything_is_kept(kept):
    path = kept.start()
    assert equal(read_weights(path), kept.state)
    built = Homebrew().build(3, str(path))
    assert equal(built.module.state_dict(), kept.state)
    assert built.weights == file_identity(path)
    assert built.weights.startswith("file:entry-7-homebrew.safetensors:")


@pytest.mark.parametrize("emotions", [("happiness", "anger", "neutral"), ("sadness", "anger")])
def test_for_other_emotions_the_last_layer_starts_afresh(kept, emotions):
    path = kept.start(emotions)
    torch.manual_seed(9)
    state = Homebrew().build(len(emotions), str(path)).module.state_dict()
    same = {name for name in state if torch.equal(state[name], kept.state[name])}
    assert state.keys() - same == {"head.weight", "head.bias"}


def test_batch_norms_statistics_come_along(kept):
    assert "block0.2.running_mean" in read_weights(kept.start(("anger",)))


def test_starting_twice_is_the_same_start(kept):
    assert file_identity(kept.start()) == file_identity(kept.start())


def test_another_backbone_is_refused(kept):
    other = SimpleNamespace(name="resnet18")
    with pytest.raises(WeightsError, match="entry 7 is homebrew, not resnet18: start from"):
        kept.start(backbone=other)


def test_an_unknown_entry_is_refused(kept):
    with pytest.raises(UsageError, match="no entry 8"):
        kept.start(number=8)


def test_weights_that_were_changed_are_refused(kept):
    Path(kept.artifacts, "abc.safetensors").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="not what was trained"):
        kept.start()
