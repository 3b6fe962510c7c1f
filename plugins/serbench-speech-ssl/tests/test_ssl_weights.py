"""Weights of torchaudio, random weights, and files; a failure is never a random start."""

import json
import urllib.error

import huggingface_hub
import pytest
import safetensors.torch
import torch
from serbench_speech_ssl.weights import STATISTICS_FILE, encoder_names
from tiny_backbones import (
    DIFFERENT,
    NAMES,
    TINY,
    build,
    classifier,
    clips,
    initial_readout,
)
from torch import nn
from torchaudio import pipelines

from serbench.errors import WeightsError
from serbench.model.network import EmotionNetwork
from serbench.model.weights import file_identity

STATISTICS = {"mean": [3.0] * 80, "invstddev": [0.5] * 80}
BUNDLES = {
    "wav2vec2_base": "WAV2VEC2_BASE",
    "hubert_base": "HUBERT_BASE",
    "wavlm_base": "WAVLM_BASE",
    "liu2023": "WAV2VEC2_BASE",
}


def tiny_encoder(name, seed=7):
    """An encoder with other weights."""
    torch.manual_seed(seed)
    return TINY[name].size.build()


def saved(name, folder, **changes):
    """The file of such an encoder in torchaudio's format, and its state."""
    state = tiny_encoder(name).state_dict() | changes
    path = folder / "published.pth"
    if name == "lu2020":
        prefixed = {f"transcriber.{each}": value for each, value in state.items()}
        torch.save(prefixed | {"joiner.linear.bias": torch.zeros(2)}, path)
        (folder / STATISTICS_FILE).write_text(json.dumps(STATISTICS))
    else:
        state_as_published = {}
        for each, value in state.items():
            for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
                each = each.replace(f"parametrizations.weight.{new}", old)
            state_as_published[each] = value
        torch.save(state_as_published, path)
    return path, state


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_are_asked_for_by_name(name):
    built = TINY[name].build("none", 4)
    assert (built.weights, built.head) == ("none", None)
    first, second = build(name, seed=1).state_dict(), build(name, seed=1).state_dict()
    assert all(torch.equal(first[each], second[each]) for each in first)
    other = build(name, seed=2).state_dict()
    assert any(not torch.equal(other[each], values) for each, values in first.items())


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_cannot_be_fetched_are_an_error_of_one_line(name, monkeypatch):
    def fail(*arguments, **options):
        raise urllib.error.URLError("no such host\nreally")

    monkeypatch.setattr("torchaudio.pipelines._wav2vec2.utils.load_state_dict_from_url", fail)
    monkeypatch.setattr("torchaudio.utils._download_asset", fail)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    for bundle in ("WAV2VEC2_BASE", "HUBERT_BASE", "WAVLM_BASE"):
        params = dict(getattr(pipelines, bundle)._params)
        params |= {
            "extractor_conv_layer_config": [(8, 10, 5)],
            "encoder_embed_dim": 16,
            "encoder_num_heads": 2,
            "encoder_num_layers": 1,
        }
        monkeypatch.setattr(getattr(pipelines, bundle), "_params", params)
    with pytest.raises(WeightsError) as failure:
        TINY[name].build("default", 4)
    assert failure.value.facts == {"backbone": name}
    assert "URLError" in str(failure.value)
    assert "--weights FILE" in str(failure.value)
    fitted = TINY[name].head == "logistic"
    assert ("--weights none" in str(failure.value)) is not fitted
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("name", BUNDLES)
def test_downloaded_weights_are_loaded_and_named_after_their_bundle(name, monkeypatch):
    encoder = tiny_encoder(name)
    bundle = getattr(pipelines, BUNDLES[name])
    monkeypatch.setattr(type(bundle), "get_model", lambda self: encoder)
    built = TINY[name].build("default", 4)
    assert built.weights == f"torchaudio:{BUNDLES[name]}"
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in encoder.state_dict().items())


def test_the_downloaded_recogniser_includes_its_statistics(monkeypatch, tmp_path):
    encoder = tiny_encoder("lu2020")
    statistics = tmp_path / "statistics.json"
    statistics.write_text(json.dumps(STATISTICS))
    bundle = pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH
    recogniser = torch.nn.Module()
    recogniser.transcriber = encoder
    monkeypatch.setattr(type(bundle), "_get_model", lambda self: recogniser)
    monkeypatch.setattr("torchaudio.utils._download_asset", lambda key: str(statistics))
    built = TINY["lu2020"].build("default", 4)
    assert built.weights == "torchaudio:EMFORMER_RNNT_BASE_LIBRISPEECH"
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in encoder.state_dict().items())
    assert built.module.features.mean.tolist() == STATISTICS["mean"]
    assert built.module.features.invstddev.tolist() == STATISTICS["invstddev"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_torchaudios_format_is_loaded(name, tmp_path):
    path, state = saved(name, tmp_path)
    built = TINY[name].build(str(path), 4)
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in state.items())
    assert built.weights == file_identity(path)
    if name == "lu2020":
        assert built.module.features.mean.tolist() == STATISTICS["mean"]


def test_both_namings_of_weight_norm_are_accepted():
    new = tiny_encoder("wav2vec2_base").state_dict()
    old = "encoder.transformer.pos_conv_embed.conv.weight_"
    parametrised = "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original"
    assert encoder_names(new).keys() == new.keys()
    renamed = encoder_names({f"{old}g": torch.zeros(1), f"{old}v": torch.ones(1)})
    assert renamed == {f"{parametrised}0": torch.zeros(1), f"{parametrised}1": torch.ones(1)}


@pytest.mark.parametrize("content", [None, "[]", "{}", "no JSON", '{"mean": ["a"]}'])
def test_a_recogniser_without_its_statistics_is_refused(content, tmp_path):
    path, _ = saved("lu2020", tmp_path)
    (tmp_path / STATISTICS_FILE).unlink()
    if content is not None:
        (tmp_path / STATISTICS_FILE).write_text(content)
    with pytest.raises(WeightsError) as failure:
        TINY["lu2020"].build(str(path), 4)
    assert failure.value.facts == {"path": tmp_path / STATISTICS_FILE}
    assert "\n" not in str(failure.value)


def test_statistics_of_another_number_of_bands_are_refused(tmp_path):
    path, _ = saved("lu2020", tmp_path)
    (tmp_path / STATISTICS_FILE).write_text(json.dumps({"mean": [0.0], "invstddev": [1.0]}))
    with pytest.raises(WeightsError) as failure:
        TINY["lu2020"].build(str(path), 4)
    assert failure.value.facts["tensors"] == ("invstddev", "mean")


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_network_of_serbench_is_loaded_as_it_was_trained(name, tmp_path):
    """Also one that was cut after the last layer of its read-out."""
    trained = classifier(name, seed=3).eval()
    path = tmp_path / "trained.safetensors"
    safetensors.torch.save_file(trained.state_dict(), path)
    again, other = (TINY[name].build(str(path), n_classes) for n_classes in (4, 6))
    assert again.widths.keys() >= set(initial_readout(name).taps)
    assert other.head is None
    with torch.inference_mode():
        logits = trained(clips())
        head = nn.Linear(*reversed(again.head["weight"].shape))
        head.load_state_dict(again.head)
        loaded = EmotionNetwork(
            nn.Identity(), again.module, head, TINY[name], initial_readout(name)
        ).eval()
        assert torch.equal(loaded(clips()), logits)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_another_network_are_refused(name, tmp_path):
    path, _ = saved(name, tmp_path)
    torch.save({"layer1.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError) as failure:
        TINY[name].build(str(path), 4)
    assert "layer1.weight" in failure.value.facts["tensors"]
    path.write_bytes(b"hello, I am a text file\n")
    for unreadable in (path, tmp_path / "nowhere.pth"):
        with pytest.raises(WeightsError) as failure:
            TINY[name].build(str(unreadable), 4)
        assert failure.value.facts == {"path": unreadable}


def test_an_encoder_with_one_wrong_tensor_is_refused_by_name(tmp_path):
    wrong = {"encoder.feature_projection.projection.bias": torch.zeros(3)}
    path, _ = saved("wav2vec2_base", tmp_path, **wrong)
    with pytest.raises(WeightsError) as failure:
        TINY["wav2vec2_base"].build(str(path), 4)
    assert failure.value.facts["tensors"] == tuple(wrong)


def test_wavlm_is_not_mistaken_for_wav2vec(tmp_path):
    path, _ = saved("wavlm_base", tmp_path)
    with pytest.raises(WeightsError) as failure:
        TINY["wav2vec2_base"].build(str(path), 4)
    assert failure.value.facts["source"] == str(path)
