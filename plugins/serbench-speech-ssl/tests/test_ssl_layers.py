"""Layers as taps, read-outs, cuts, and DistilHuBERT compared with ``transformers``."""

from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from serbench_speech_ssl.layers import DistilHubert, LayerBackbone
from serbench_speech_ssl.weights import encoder_names
from tiny_backbones import (
    DIFFERENT,
    ENCODERS,
    REGISTERED,
    SYSTEMS,
    TINY,
    TINY_DISTILLED,
    TINY_ENCODER,
    build,
    classifier,
    clips,
)

from serbench.data.licence import NOTHING
from serbench.errors import WeightsError
from serbench.model.network import Freezing
from serbench.model.readout import ReadOut

LAYERED = [name for name in DIFFERENT if name not in SYSTEMS]


def read(name, module, taps, images=None, lengths=None):
    images = clips() if images is None else images
    with torch.inference_mode():
        return TINY[name].features(module.eval(), images, lengths, taps)


def hubert(size, seed=0):
    """A HuBERT of ``transformers`` with random weights."""
    transformers = pytest.importorskip("transformers")
    channels, kernels, strides = zip(*size.conv_layers, strict=True)
    config = transformers.HubertConfig(
        hidden_size=size.embed_dim,
        num_hidden_layers=size.n_layers,
        num_attention_heads=size.n_heads,
        intermediate_size=size.ff_dim,
        conv_dim=channels,
        conv_kernel=kernels,
        conv_stride=strides,
        num_conv_pos_embeddings=size.position_kernel,
        num_conv_pos_embedding_groups=size.position_groups,
        feat_proj_layer_norm=size.projection_norm,
    )
    torch.manual_seed(seed)
    return transformers.HubertModel(config).eval()


@pytest.mark.parametrize("size", [TINY_DISTILLED, TINY_ENCODER], ids=["distilhubert", "hubert"])
@pytest.mark.parametrize("kind", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_of_hugging_face_gives_the_frames_of_transformers(size, kind, tmp_path):
    reference = hubert(size)
    state = {name: tensor.contiguous() for name, tensor in reference.state_dict().items()}
    assert "masked_spec_embed" in state
    path = tmp_path / kind
    if path.suffix == ".bin":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    backbone = LayerBackbone("small", "", size)
    module = backbone.build(str(path)).module.eval()
    images = clips(2, samples=8000)
    with torch.inference_mode():
        ours = backbone.features(module, images, None, backbone.taps)
        theirs = reference(images[:, 0, 0], output_hidden_states=True).hidden_states
    assert len(theirs) == 1 + len(backbone.taps)
    for tap in backbone.taps:
        torch.testing.assert_close(ours.taps[tap], theirs[int(tap)], rtol=0, atol=1e-4)


def test_the_earlier_names_of_hugging_faces_weight_norm_are_accepted():
    state = dict(hubert(TINY_DISTILLED).state_dict())
    present = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
    earlier = {
        name.replace(f"{present}0", "encoder.pos_conv_embed.conv.weight_g").replace(
            f"{present}1", "encoder.pos_conv_embed.conv.weight_v"
        ): tensor
        for name, tensor in state.items()
    }
    assert earlier.keys() != state.keys()
    assert encoder_names(earlier).keys() == encoder_names(state).keys()
    assert encoder_names(state).keys() == TINY_DISTILLED.build().state_dict().keys()


def test_distilhubert_has_the_size_of_the_published_model():
    published = DistilHubert().size
    with torch.device("meta"):
        ours = published.build().state_dict()
        theirs = encoder_names(dict(hubert(published).state_dict()))
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert 23.4e6 < sum(tensor.numel() for tensor in ours.values()) < 23.6e6


def test_distilhubert_comes_from_the_hub_with_the_hash_of_its_revision(monkeypatch, tmp_path):
    state = {
        name: tensor.contiguous() for name, tensor in hubert(TINY_DISTILLED).state_dict().items()
    }
    folder = tmp_path / "0123456789abcdef"
    folder.mkdir()
    safetensors.torch.save_file(state, folder / "model.safetensors")
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return str(folder / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    built = TINY["distilhubert"].build("default")
    assert asked == [("ntu-spml/distilhubert", "model.safetensors")]
    assert built.weights == "hf:ntu-spml/distilhubert@0123456789ab"
    assert built.widths == {"1": 32, "2": 32}


def test_the_licence_and_the_corpora_of_each_are_stated():
    licences = {name: str(each.licence("default")) for name, each in REGISTERED.items()}
    assert licences == {
        "wav2vec2_base": "MIT",
        "hubert_base": "MIT",
        "wavlm_base": "MIT",
        "distilhubert": "Apache-2.0",
        "lu2020": "unknown",
        "liu2023": "MIT",
    }
    for backbone in REGISTERED.values():
        assert backbone.licence("none") == NOTHING
        assert backbone.training_corpora("default") == ("librispeech",)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_initially_read_by_a_logistic_head_at_several_layers(name):
    backbone = REGISTERED[name]
    assert backbone.head == "logistic"
    layers = ("all", "2", "1") if name == "distilhubert" else ("6-9", "6", "9", "3", "12", "all")
    assert backbone.readouts == tuple(f"{each}/mean+std" for each in layers)
    for text in backbone.readouts:
        ReadOut.parse(text, backbone.taps)


@pytest.mark.parametrize("name", LAYERED)
def test_a_padded_clip_has_the_frames_of_the_clip_alone_at_every_layer(name):
    module, taps, images = build(name), TINY[name].taps, clips()
    together = read(name, module, taps, images, torch.tensor([16000, 9000]))
    alone = read(name, module, taps, images[1:, ..., :9000])
    frames = together.lengths[1]
    assert together.lengths[0] == together.taps["1"].shape[1]
    for tap in taps:
        assert alone.taps[tap].shape[1] == frames
        torch.testing.assert_close(
            together.taps[tap][1:, :frames], alone.taps[tap], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", LAYERED)
def test_a_cut_encoder_has_the_same_frames_and_no_further_layers(name):
    module, taps = build(name), TINY[name].taps
    names = [each for each, _ in module.named_parameters()]
    before = read(name, module, taps).taps
    for n_layers in range(len(taps) - 1, 0, -1):
        module = TINY[name].cut(module, [str(n_layers)])
        after = read(name, module, [str(n_layers)]).taps
        assert torch.equal(after[str(n_layers)], before[str(n_layers)])
        assert len(TINY[name].stages(module)) == 2 + n_layers
        assert {each for each, _ in module.named_parameters()} < set(names)
        for beyond in ([taps[-1]], ["1", taps[-1]]):
            with pytest.raises(WeightsError) as failure:
                read(name, module, beyond)
            assert failure.value.facts["layers"] == n_layers
            with pytest.raises(WeightsError):
                TINY[name].cut(module, beyond)


def test_layers_after_the_last_tap_are_not_computed():
    module = build("wav2vec2_base")
    layers = module.speech_encoder.encoder.transformer.layers
    calls = []
    for number, layer in enumerate(layers, start=1):
        layer.register_forward_hook(lambda *_, number=number: calls.append(number))
    read("wav2vec2_base", module, ["1", "3"])
    assert calls == [1, 2, 3]


def test_a_file_of_fewer_layers_has_fewer_taps(tmp_path):
    name = "wav2vec2_base"
    trained = classifier(name)  # cut after layer 3 of 4
    path = Path(tmp_path / "trained.safetensors")
    safetensors.torch.save_file(trained.state_dict(), path)
    built = TINY[name].build(str(path))
    assert list(built.widths) == ["1", "2", "3"]
    with pytest.raises(WeightsError):
        ReadOut.parse("4/mean", TINY[name].taps).width(built.widths)


def test_the_last_layers_can_be_fine_tuned():
    """A linear head and a smaller freeze depth: only the last layers and the head change."""
    name = "wav2vec2_base"
    network = classifier(name)
    freezing = Freezing(network.backbone, TINY[name].stages(network.backbone), 4)
    freezing.train(network)
    before = {each: value.clone() for each, value in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    torch.nn.functional.cross_entropy(network(clips(4)), torch.arange(4)).backward()
    optimiser.step()
    changed = {
        each for each, value in network.state_dict().items() if not value.equal(before[each])
    }
    last = "backbone.speech_encoder.encoder.transformer.layers.2."
    assert any(each.startswith(last) for each in changed)
    assert all(each.startswith((last, "head.")) for each in changed)
