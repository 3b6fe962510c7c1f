"""Weights: torchaudio's, none, or a file; never a silent random start."""

import json
import urllib.error

import pytest
import safetensors.torch
import torch
from serbench_speech_ssl.weights import STATISTICS_FILE, encoder_names
from tiny_backbones import NAMES, TINY, TINY_ENCODER, TINY_RECOGNISER, build, clips
from torchaudio import pipelines

from serbench.errors import WeightsError
from serbench.model.weights import file_identity

STATISTICS = {"mean": [3.0] * 80, "invstddev": [0.5] * 80}
WAVEFORM_NAMES = [name for name in NAMES if name != "lu2020"]


def tiny_encoder(name, seed=7):
    """An encoder that somebody else trained."""
    torch.manual_seed(seed)
    if name == "lu2020":
        return TINY_RECOGNISER.build()
    return TINY_ENCODER.build(relative_positions=name == "wavlm_base")


def saved(name, folder, **changes):
    """The file of such an encoder, as torchaudio publishes it, and its state."""
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
    assert TINY[name].build(4, "none").weights == "none"
    first, second = build(name, seed=1).state_dict(), build(name, seed=1).state_dict()
    assert all(torch.equal(first[each], second[each]) for each in first)
    assert not torch.equal(build(name, seed=2).head.weight, build(name, seed=1).head.weight)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_fetched_is_one_line_with_the_ways_out(name, monkeypatch):
    def fail(*arguments, **options):
        raise urllib.error.URLError("no such host\nreally")

    monkeypatch.setattr("torchaudio.pipelines._wav2vec2.utils.load_state_dict_from_url", fail)
    monkeypatch.setattr("torchaudio.utils._download_asset", fail)
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
        TINY[name].build(4, "default")
    message = str(failure.value)
    assert f"pretrained weights of {name} could not be fetched (URLError)" in message
    assert all(way in message for way in ("internet", "TORCH_HOME", "--weights FILE"))
    assert message.endswith("--weights none")
    assert "\n" not in message


@pytest.mark.parametrize("name", WAVEFORM_NAMES)
def test_fetched_weights_are_loaded_and_named_after_their_bundle(name, monkeypatch):
    encoder = tiny_encoder(name)
    bundle = getattr(pipelines, TINY[name].bundle)
    monkeypatch.setattr(type(bundle), "get_model", lambda self: encoder)
    built = TINY[name].build(4, "default")
    assert built.weights == f"torchaudio:{TINY[name].bundle}"
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in encoder.state_dict().items())


def test_the_fetched_recogniser_brings_its_statistics(monkeypatch, tmp_path):
    encoder = tiny_encoder("lu2020")
    statistics = tmp_path / "statistics.json"
    statistics.write_text(json.dumps(STATISTICS))
    bundle = pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH
    recogniser = torch.nn.Module()
    recogniser.transcriber = encoder
    monkeypatch.setattr(type(bundle), "_get_model", lambda self: recogniser)
    monkeypatch.setattr("torchaudio.utils._download_asset", lambda key: str(statistics))
    built = TINY["lu2020"].build(4, "default")
    assert built.weights == "torchaudio:EMFORMER_RNNT_BASE_LIBRISPEECH"
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in encoder.state_dict().items())
    assert built.module.features.mean.tolist() == STATISTICS["mean"]
    assert built.module.features.invstddev.tolist() == STATISTICS["invstddev"]


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_as_torchaudio_publishes_it_is_taken(name, tmp_path):
    path, state = saved(name, tmp_path)
    built = TINY[name].build(4, str(path))
    loaded = built.module.speech_encoder.state_dict()
    assert all(torch.equal(loaded[each], value) for each, value in state.items())
    assert built.weights == file_identity(path)
    if name == "lu2020":
        assert built.module.features.mean.tolist() == STATISTICS["mean"]


def test_weight_norm_has_had_two_ways_of_naming():
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
    with pytest.raises(WeightsError, match="put torchaudio's global_stats") as failure:
        TINY["lu2020"].build(4, str(path))
    assert "\n" not in str(failure.value)


def test_statistics_of_another_number_of_bands_are_refused(tmp_path):
    path, _ = saved("lu2020", tmp_path)
    (tmp_path / STATISTICS_FILE).write_text(json.dumps({"mean": [0.0], "invstddev": [1.0]}))
    with pytest.raises(WeightsError, match=r"the statistics of .* does not fit"):
        TINY["lu2020"].build(4, str(path))


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_network_comes_back_as_it_was_trained(name, tmp_path):
    trained = build(name, seed=3).eval()
    path = tmp_path / "trained.safetensors"
    safetensors.torch.save_file(trained.state_dict(), path)
    again = build(name, weights=str(path)).eval()
    with torch.inference_mode():
        assert torch.equal(again(clips()), trained(clips()))
    other = build(name, n_classes=6, weights=str(path))
    assert other.head.weight.shape[0] == 6
    encoder = other.speech_encoder.state_dict()
    expected = trained.speech_encoder.state_dict()
    assert all(torch.equal(encoder[each], value) for each, value in expected.items())


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_of_something_else_are_refused(name, tmp_path):
    path, _ = saved(name, tmp_path)
    torch.save({"layer1.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError, match="does not fit this backbone"):
        TINY[name].build(4, str(path))
    path.write_bytes(b"hello, I am a text file\n")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        TINY[name].build(4, str(path))
    with pytest.raises(WeightsError, match="no weights at"):
        TINY[name].build(4, str(tmp_path / "nowhere.pth"))


def test_an_encoder_with_one_wrong_tensor_is_refused_by_name(tmp_path):
    wrong = {"encoder.feature_projection.projection.bias": torch.zeros(3)}
    path, _ = saved("wav2vec2_base", tmp_path, **wrong)
    with pytest.raises(
        WeightsError, match=r"such as encoder\.feature_projection\.projection\.bias"
    ):
        TINY["wav2vec2_base"].build(4, str(path))


def test_wavlm_is_not_mistaken_for_wav2vec(tmp_path):
    path, _ = saved("wavlm_base", tmp_path)
    with pytest.raises(WeightsError, match="does not fit this backbone"):
        TINY["wav2vec2_base"].build(4, str(path))
