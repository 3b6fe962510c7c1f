"""Weights of Whisper's encoders: files, downloads, licences."""

from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from making.whispers import SMALL, TWO, built, images, saved

from serbench.builtin.whisper import Whisper
from serbench.data.licence import UNKNOWN_LICENCE
from serbench.errors import WeightsError
from serbench.model.readout import ReadOut


@pytest.mark.parametrize("prefix", ["model.encoder.", "encoder.", ""])
@pytest.mark.parametrize("kind", [".safetensors", ".pth"])
def test_a_file_of_the_model_or_its_encoder_is_loaded_in_float32(tmp_path, prefix, kind):
    published = built(SMALL, seed=1).module.state_dict()
    state = {prefix + name: tensor.half() for name, tensor in published.items()}
    if prefix:
        decoder = prefix.replace("encoder", "decoder")
        state |= {f"{decoder}layers.0.fc1.bias": torch.zeros(3), "proj_out.weight": torch.zeros(2)}
    path = tmp_path / f"published{kind}"
    (saved if kind == ".safetensors" else lambda where, what: torch.save(what, where))(path, state)
    found = built(SMALL, str(path), n_classes=6)
    assert found.weights.startswith(f"file:published{kind}:")
    assert found.head is None
    assert found.widths == dict.fromkeys(SMALL.taps, 32)
    for name, tensor in found.module.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, published[name].half().float())


def test_the_tensors_of_the_decoder_are_not_read(tmp_path, monkeypatch):
    state = {f"model.encoder.{n}": t for n, t in built(SMALL).module.state_dict().items()}
    path = saved(tmp_path / "whole.safetensors", {**state, "model.decoder.x": torch.zeros(1)})
    names = []
    opened = safetensors.safe_open

    class Noting:
        def __init__(self, *arguments):
            self.file = opened(*arguments)

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *problem):
            return self.file.__exit__(*problem)

        def keys(self):
            return self.file.keys()

        def get_tensor(self, name):
            names.append(name)
            return self.file.get_tensor(name)

    monkeypatch.setattr(safetensors, "safe_open", Noting)
    built(SMALL, path)
    assert sorted(names) == sorted(state)


@pytest.mark.parametrize("n_layers", [3, 4])
@pytest.mark.parametrize("n_classes", [5, 6])
def test_a_network_trained_here_is_loaded_with_the_layers_and_the_head_it_has(
    tmp_path, n_layers, n_classes
):
    trained = SMALL.cut(built(SMALL, seed=1).module, [str(n_layers)]).state_dict()
    width = ReadOut.parse(SMALL.readouts[0], SMALL.taps).width(dict.fromkeys(SMALL.taps, 32))
    head = {"weight": torch.randn(6, width), "bias": torch.randn(6)}
    state = {f"backbone.{name}": tensor for name, tensor in trained.items()}
    state |= {f"head.{name}": tensor for name, tensor in head.items()}
    found = built(SMALL, saved(tmp_path / "trained.safetensors", state), n_classes, seed=2)
    assert list(found.widths) == list(SMALL.taps[:n_layers])
    loaded = found.module.state_dict()
    assert loaded.keys() == trained.keys()
    assert all(torch.equal(loaded[name], trained[name]) for name in loaded)
    if n_classes == 6:
        assert all(torch.equal(found.head[name], head[name]) for name in head)
    else:
        assert found.head is None
    if n_layers < SMALL.n_layers:
        with pytest.raises(WeightsError) as refused:
            SMALL.cut(found.module, ["4"])
        assert refused.value.facts["layers"] == n_layers
        with pytest.raises(WeightsError):
            SMALL.features(found.module, images(1, 20), None, ["1", "4"])
        with pytest.raises(WeightsError) as refused:
            ReadOut.parse("all/mean", SMALL.taps).width(found.widths)
        assert refused.value.facts["taps"] == ["4"]


def test_weights_of_another_size_are_refused(tmp_path):
    other = Whisper("other", "somebody/other", n_layers=5, width=48, n_heads=4)
    state = {f"model.encoder.{n}": t for n, t in built(other).module.state_dict().items()}
    with pytest.raises(WeightsError) as refused:
        built(SMALL, saved(tmp_path / "other.safetensors", state))
    assert "conv1.weight" in refused.value.facts["tensors"]
    assert "layers.4.fc1.bias" in refused.value.facts["tensors"]


def test_an_encoder_with_fewer_layers_and_a_last_norm_is_another_model(tmp_path):
    with pytest.raises(WeightsError) as refused:
        built(SMALL, saved(tmp_path / "two.safetensors", built(TWO).module.state_dict()))
    assert "layers.3.fc1.bias" in refused.value.facts["tensors"]


def test_a_truncated_file_is_refused(tmp_path):
    path = Path(saved(tmp_path / "cut.safetensors", built(TWO).module.state_dict()))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError) as refused:
        built(TWO, str(path))
    assert refused.value.facts["path"] == path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the Hugging Face Hub, of which the network is not used."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_published_weights_are_identified_by_repository_and_revision(hub):
    revision = "0123456789abcdef0123456789abcdef01234567"
    model = hub / "models--somebody--two"
    (model / "snapshots" / revision).mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(revision)
    published = built(TWO, seed=1).module.state_dict()
    state = {f"model.encoder.{name}": tensor for name, tensor in published.items()}
    saved(model / "snapshots" / revision / "model.safetensors", state)
    found = built(TWO, "default", seed=2)
    assert found.weights == "hf:somebody/two@0123456789ab"
    loaded = found.module.state_dict()
    assert all(torch.equal(loaded[name], published[name]) for name in published)


def test_weights_that_cannot_be_fetched_are_an_error(hub):
    with pytest.raises(WeightsError) as failed:
        TWO.build("default")
    assert failed.value.facts["backbone"] == "two"


def test_the_licence_of_a_file_is_the_one_that_its_metadata_state(tmp_path):
    state = {"x": torch.zeros(1)}

    def licence(**metadata):
        return TWO.licence(saved(tmp_path / "weights.safetensors", state, metadata))

    assert licence(source="OpenAI Whisper tiny.en, MIT licence").commercial == "yes"
    assert licence(license="cc-by-nc-4.0").commercial == "no"
    assert licence(source="recorded at MIT") == UNKNOWN_LICENCE
    assert TWO.licence("no/such.safetensors") == UNKNOWN_LICENCE
    assert TWO.licence(__file__) == UNKNOWN_LICENCE
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    assert TWO.licence(str(tmp_path / "broken.safetensors")) == UNKNOWN_LICENCE
    assert TWO.licence("default").name == "MIT"


def test_the_recordings_behind_published_weights_are_not_known():
    assert TWO.training_corpora("none") == ()
    assert TWO.training_corpora("default") is None
    assert TWO.training_corpora("some.safetensors") is None
