"""The backbones with small encoders for tests, which use the same code."""

from dataclasses import replace

import torch
from serbench_speech_ssl import register_backbones
from serbench_speech_ssl.encoders import EncoderSize
from serbench_speech_ssl.heads import Liu2023Head, Lu2020Head
from serbench_speech_ssl.recogniser import RecogniserSize
from torch import nn

from serbench.model.network import EmotionNetwork
from serbench.model.readout import ReadOut

TINY_ENCODER = EncoderSize(
    conv_layers=((16, 10, 5), *((16, 3, 2),) * 4, *((16, 2, 2),) * 2),
    embed_dim=32,
    n_layers=4,
    n_heads=2,
    ff_dim=32,
    position_kernel=8,
    position_groups=4,
)
TINY_WAVLM = replace(TINY_ENCODER, relative_positions=True)
TINY_DISTILLED = replace(TINY_ENCODER, n_layers=2, projection_norm=False)
TINY_RECOGNISER = RecogniserSize(input_dim=8, n_layers=2, n_heads=2, ff_dim=32, output_dim=32)

REGISTERED = {}
register_backbones(lambda backbone: REGISTERED.update({backbone.name: backbone}))

TINY = {
    "wav2vec2_base": replace(REGISTERED["wav2vec2_base"], size=TINY_ENCODER),
    "hubert_base": replace(REGISTERED["hubert_base"], size=TINY_ENCODER),
    "wavlm_base": replace(REGISTERED["wavlm_base"], size=TINY_WAVLM),
    "distilhubert": replace(REGISTERED["distilhubert"], size=TINY_DISTILLED),
    "lu2020": replace(REGISTERED["lu2020"], size=TINY_RECOGNISER),
    "liu2023": replace(REGISTERED["liu2023"], size=replace(TINY_ENCODER, n_layers=2)),
}
HEADS = {
    "lu2020": Lu2020Head(hidden=16, attention_heads=2),
    "liu2023": Liu2023Head(hidden=16),
}
NAMES = list(TINY)
SYSTEMS = ["lu2020", "liu2023"]
ENCODERS = [name for name in NAMES if name not in SYSTEMS]
DIFFERENT = [name for name in NAMES if name != "hubert_base"]
"""Without HuBERT, which differs from wav2vec 2.0 only in its weights."""


def build(name, weights="none", seed=0):
    """A tiny network with fixed random weights."""
    torch.manual_seed(seed)
    return TINY[name].build(weights).module


def initial_readout(name):
    """The read-out of the first trial of a search."""
    return ReadOut.parse(TINY[name].readouts[0], TINY[name].taps)


def classifier(name, n_classes=4, seed=0):
    """A tiny network with its initial read-out and a linear head, images to logits."""
    torch.manual_seed(seed)
    backbone, readout = TINY[name], initial_readout(name)
    built = backbone.build("none", n_classes)
    head = nn.Linear(readout.width(built.widths), n_classes)
    module = backbone.cut(built.module, readout.taps)
    return EmotionNetwork(nn.Identity(), module, head, backbone, readout)


def system(name, n_classes=4, seed=0):
    """A tiny published system, an encoder with its own head on frames, images to logits."""
    torch.manual_seed(seed)
    backbone, readout = TINY[name], initial_readout(name).unpooled
    built = backbone.build("none")
    head = HEADS[name].module(readout.width(built.widths), n_classes, None, {})
    return EmotionNetwork(nn.Identity(), built.module, head, backbone, readout)


def vectors(name, module, images, lengths=None):
    """What a head receives for images: the pooled taps of the initial read-out."""
    readout = initial_readout(name)
    return readout.pooled(TINY[name].features(module, images, lengths, readout.taps))[0]


def clips(n_clips=2, samples=16000, seed=0):
    """Noise as images of one row, ``[n_clips, 1, 1, samples]``."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(n_clips, 1, 1, samples, generator=generator)
