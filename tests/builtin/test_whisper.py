"""Whisper's encoders and front end, compared with those of ``transformers``."""

import math
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from torch import nn

from serbench.builtin.whisper import Whisper, WhisperMelFrontEnd, register_backbones
from serbench.builtin.whisper_network import WHISPER_INPUT
from serbench.data.clips import ClipFormat
from serbench.data.licence import UNKNOWN_LICENCE
from serbench.errors import UsageError, WeightsError
from serbench.model.frontend import InputSpec
from serbench.model.readout import ReadOut, pool
from serbench.testing.onnx import onnx_logits

SMALL = Whisper("small", "somebody/small", n_layers=4, width=32, n_heads=4)
TINY = Whisper("whisper_tiny.en", "openai/whisper-tiny.en", n_layers=4, width=384, n_heads=6)
TWO = Whisper("two", "somebody/two", n_layers=2, width=32, n_heads=4)

FINE = {"rtol": 0.0, "atol": 1e-4}
"""Tolerance of comparisons with the reference."""

EQUAL = {"rtol": 0.0, "atol": 2e-6}
"""Tolerance of results that differ only in the order of operations."""


@pytest.fixture(scope="module")
def transformers():
    """The package with the reference implementation."""
    return pytest.importorskip("transformers")


def reference_encoder(transformers, backbone, frames=1500):
    """An encoder of ``transformers`` with random weights, for ``2 * frames`` columns."""
    config = transformers.WhisperConfig(
        vocab_size=100,
        d_model=backbone.width,
        encoder_layers=backbone.n_layers,
        encoder_attention_heads=backbone.n_heads,
        encoder_ffn_dim=4 * backbone.width,
        decoder_layers=1,
        decoder_attention_heads=backbone.n_heads,
        decoder_ffn_dim=8,
        max_source_positions=frames,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    torch.manual_seed(0)
    return transformers.WhisperModel(config).eval().encoder


def images(n_clips, columns, seed=0):
    """Random images ``[n_clips, 1, 80, columns]`` in the range of Whisper's."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n_clips, 1, 80, columns, generator=generator) * 2 - 0.9


def voices(n_clips, samples):
    """Harmonic sounds of changing pitch with pauses and noise ``[n_clips, samples]``."""
    seconds = torch.arange(samples) / 16000
    pitch = torch.arange(1, n_clips + 1).unsqueeze(1) * 90
    phase = 2 * torch.pi * (pitch * seconds + 8 * torch.sin(2 * seconds))
    voice = sum(torch.sin(k * phase) / k for k in range(1, 12)) * torch.sin(3 * seconds).abs()
    noise = torch.randn(n_clips, samples, generator=torch.Generator().manual_seed(0))
    return 0.1 * voice + 0.001 * noise


def built(backbone, weights="none", n_classes=None, seed=0):
    torch.manual_seed(seed)
    return backbone.build(weights, n_classes)


def read(backbone, module, inputs, taps, lengths=None):
    """Frames of taps and their numbers, in evaluation mode."""
    with torch.inference_mode():
        features = backbone.features(module.eval(), inputs, lengths, taps)
    return features.taps, features.lengths


def require_equal_layers(backbone, module, reference, inputs):
    """Every tap equals the output of the reference's layer."""
    ours, lengths = read(backbone, module, inputs, backbone.taps)
    with torch.inference_mode():
        theirs = reference(inputs[:, 0], output_hidden_states=True)
    assert lengths is None
    *earlier, last = backbone.taps
    for tap in earlier:
        torch.testing.assert_close(ours[tap], theirs.hidden_states[int(tap)], **FINE)
    torch.testing.assert_close(ours[last], theirs.last_hidden_state, **FINE)


def saved(path, state, metadata=None):
    contiguous = {name: tensor.contiguous() for name, tensor in state.items()}
    safetensors.torch.save_file(contiguous, path, metadata)
    return str(path)


# The encoder


@pytest.mark.parametrize("backbone", [SMALL, TINY], ids=lambda backbone: backbone.name)
def test_with_random_weights_every_layer_equals_the_reference_at_30_s(transformers, backbone):
    reference, module = reference_encoder(transformers, backbone), built(backbone).module
    module.load_state_dict(reference.state_dict())
    require_equal_layers(backbone, module, reference, images(1, 3000))


def test_a_shorter_clip_equals_a_reference_with_a_shorter_position_table(transformers):
    module = built(SMALL).module
    reference = reference_encoder(transformers, SMALL, frames=65)
    state = module.state_dict()
    state["embed_positions.weight"] = state["embed_positions.weight"][:65]
    reference.load_state_dict(state)
    require_equal_layers(SMALL, module, reference, images(2, 130))


def test_the_positions_are_those_of_the_reference(transformers):
    reference = reference_encoder(transformers, SMALL).embed_positions.weight
    torch.testing.assert_close(built(SMALL).module.embed_positions.weight, reference, **FINE)


def test_with_the_published_weights_every_layer_equals_the_reference(transformers, whisper_weights):
    module = built(TINY, str(whisper_weights)).module
    reference = reference_encoder(transformers, TINY)
    reference.load_state_dict(module.state_dict())
    waveform = voices(1, 480_000)
    image = WhisperMelFrontEnd().build(ClipFormat(16000, 30.0), WHISPER_INPUT)(waveform)
    require_equal_layers(TINY, module, reference, image)


def test_the_encoders_have_the_sizes_of_the_published_models(transformers):
    registered = []
    register_backbones(registered.append)
    sizes = {"tiny": (4, 384, 6), "base": (6, 512, 8), "small": (12, 768, 12)}
    for backbone in registered:
        size = backbone.name.removeprefix("whisper_").removesuffix(".en")
        assert (backbone.n_layers, backbone.width, backbone.n_heads) == sizes[size]
        assert backbone.repository == f"openai/{backbone.name.replace('_', '-')}"
        with torch.device("meta"):
            ours = backbone.build("none").module.state_dict()
            theirs = reference_encoder(transformers, backbone).state_dict()
        assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert len(registered) == 5


@pytest.mark.parametrize("columns", [1, 2, 47, 48])
def test_a_padded_clip_has_the_frames_of_the_clip_alone(columns):
    module, inputs = built(SMALL).module, images(2, 90)
    together, lengths = read(SMALL, module, inputs, SMALL.taps, torch.tensor([90, columns]))
    assert lengths.tolist() == [45, math.ceil(columns / 2)]
    alone, _ = read(SMALL, module, inputs[1:, ..., :columns], SMALL.taps)
    for tap in SMALL.taps:
        assert alone[tap].shape[1] == lengths[1]
        torch.testing.assert_close(together[tap][1:, : lengths[1]], alone[tap], **EQUAL)


def test_positions_are_not_trained():
    module = built(SMALL).module
    assert "embed_positions.weight" in module.state_dict()
    assert "embed_positions.weight" not in dict(module.named_parameters())


# Taps, read-outs, stages


@pytest.mark.parametrize("tap", SMALL.taps)
def test_the_cut_encoder_has_the_same_features_and_no_further_layers(tap):
    module, inputs = built(SMALL).module, images(2, 60)
    before, _ = read(SMALL, module, inputs, [tap])
    names = set(module.state_dict())
    cut = SMALL.cut(module, [tap])
    after, _ = read(SMALL, cut, inputs, [tap])
    assert torch.equal(after[tap], before[tap])
    assert set(cut.state_dict()) <= names
    layers = {name.split(".")[1] for name in cut.state_dict() if name.startswith("layers.")}
    assert layers == {str(number) for number in range(int(tap))}
    assert ("layer_norm.weight" in cut.state_dict()) == (tap == SMALL.taps[-1])
    stages = SMALL.stages(cut)
    assert len(stages) == 1 + int(tap) == SMALL.initial_freeze_depth(cut)
    assert {name for stage in stages for name in stage} == {n for n, _ in cut.named_parameters()}


def test_the_initial_read_out_leaves_out_the_last_quarter():
    assert TINY.readouts == (
        "1-3/mean+std",
        "2/mean+std",
        "3/mean+std",
        "1/mean+std",
        "4/mean+std",
        "all/mean+std",
    )
    deep = Whisper("deep", "somebody/deep", n_layers=12, width=32, n_heads=4)
    assert [text.partition("/")[0] for text in deep.readouts] == ["1-9", "6", "9", "3", "12", "all"]


def test_a_cut_encoder_with_pooling_exports_to_onnx():
    module = SMALL.cut(built(SMALL).module, ["1", "2"])

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = module

        def forward(self, inputs):
            return SMALL.features(self.encoder, inputs, None, ["2"]).taps["2"].mean(dim=1)

    inputs = images(1, 90)
    exported = onnx_logits(Pooled(), inputs)
    taps, _ = read(SMALL, module, inputs, ["2"])
    torch.testing.assert_close(exported, pool(taps["2"], None, "mean"), rtol=0, atol=1e-5)


# The front end


def test_the_image_equals_the_references_at_30_s(transformers):
    waveform = voices(2, 480_000)
    waveform[1, 100_000:] = 0  # a short recording, padded
    ours = WhisperMelFrontEnd().build(ClipFormat(16000, 30.0), WHISPER_INPUT)(waveform)
    extractor = transformers.WhisperFeatureExtractor()
    theirs = extractor(list(waveform.numpy()), sampling_rate=16000, return_tensors="pt")
    torch.testing.assert_close(ours[:, 0], theirs.input_features, **FINE)


def test_the_columns_of_a_padded_clip_are_those_of_the_clip_alone():
    samples, sounding = 48_000, 20_000
    waveform = voices(1, samples)
    waveform[:, sounding:] = 0
    front_end = WhisperMelFrontEnd().build(ClipFormat(16000, 3.0), WHISPER_INPUT)
    padded, alone = front_end(waveform), front_end(waveform[:, :sounding])
    (columns,) = front_end.columns(torch.tensor([sounding]), samples, padded.shape[-1]).tolist()
    assert columns == alone.shape[-1] == 125
    # The last window extends beyond the end of the clip: its column depends on what follows.
    torch.testing.assert_close(padded[..., : columns - 1], alone[..., :-1], **EQUAL)


def test_columns_are_at_least_one_and_at_most_the_width():
    front_end = WhisperMelFrontEnd().build(ClipFormat(16000, 1.0), WHISPER_INPUT)
    assert front_end(torch.zeros(1, 16000)).shape == (1, 1, 80, 100)
    assert front_end.columns(torch.tensor([1, 8000, 16000]), 16000, 100).tolist() == [1, 50, 100]


def test_for_another_backbone_speech_lies_between_0_and_1():
    spec = InputSpec(channels=3, height=64, width=64, mean=(0.0,) * 3, std=(1.0,) * 3)
    clip = voices(1, 32_000)
    image = WhisperMelFrontEnd().build(ClipFormat(16000, 2.0), spec)(0.03 * clip / clip.std())
    assert image.shape == (1, 3, 64, 64)
    assert -0.2 < float(image.min()) < float(image.max()) < 1.2


def test_a_clip_of_30_s_is_accepted_and_a_longer_one_refused():
    front_end = WhisperMelFrontEnd()
    front_end.build(ClipFormat(16000, 30.0), WHISPER_INPUT)
    with pytest.raises(UsageError) as refused:
        front_end.build(ClipFormat(16000, 30.1), WHISPER_INPUT)
    assert refused.value.facts["seconds"] == 30.1
    other = InputSpec(channels=1, height=32, width=32, mean=(0.0,), std=(1.0,))
    front_end.build(ClipFormat(16000, 40.0), other)


# Weights


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
