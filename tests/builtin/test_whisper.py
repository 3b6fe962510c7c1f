"""Whisper's encoders and front end, compared with those of ``transformers``."""

import math

import pytest
import torch
from making.whispers import SMALL, TINY, built, images, read
from torch import nn

from serbench.builtin.whisper import Whisper, register_backbones
from serbench.builtin.whisper_mel import WHISPER_INPUT, WhisperMelFrontEnd
from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.frontend import InputSpec
from serbench.model.ranges import Range
from serbench.model.readout import pool
from serbench.testing import contract
from serbench.testing.onnx import onnx_logits

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


def voices(n_clips, samples):
    """Harmonic sounds of changing pitch with pauses and noise ``[n_clips, samples]``."""
    seconds = torch.arange(samples) / 16000
    pitch = torch.arange(1, n_clips + 1).unsqueeze(1) * 90
    phase = 2 * torch.pi * (pitch * seconds + 8 * torch.sin(2 * seconds))
    voice = sum(torch.sin(k * phase) / k for k in range(1, 12)) * torch.sin(3 * seconds).abs()
    noise = torch.randn(n_clips, samples, generator=torch.Generator().manual_seed(0))
    return 0.1 * voice + 0.001 * noise


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


@pytest.mark.parametrize("check", contract("backbone"))
def test_a_small_encoder_meets_the_contract(check):
    check(SMALL)


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
    assert len(stages) == 1 + int(tap)
    assert SMALL.freeze_depths(cut) == Range(len(stages), len(stages), len(stages))
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
