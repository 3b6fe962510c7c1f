"""The five backbones with small encoders for tests, which use the same code."""

from dataclasses import replace

import torch
from serbench_speech_ssl import register_backbones
from serbench_speech_ssl.encoders import EncoderSize
from serbench_speech_ssl.recogniser import RecogniserSize
from torch import nn

from serbench.model.network import EmotionNetwork

TINY_ENCODER = EncoderSize(
    conv_layers=((16, 10, 5), *((16, 3, 2),) * 4, *((16, 2, 2),) * 2),
    embed_dim=32,
    n_layers=2,
    n_heads=2,
    ff_dim=32,
    position_kernel=8,
    position_groups=4,
)
TINY_RECOGNISER = RecogniserSize(input_dim=8, n_layers=2, n_heads=2, ff_dim=32, output_dim=32)

REGISTERED = {}
register_backbones(lambda backbone: REGISTERED.update({backbone.name: backbone}))

TINY = {
    "wav2vec2_base": replace(REGISTERED["wav2vec2_base"], size=TINY_ENCODER),
    "hubert_base": replace(REGISTERED["hubert_base"], size=TINY_ENCODER),
    "wavlm_base": replace(REGISTERED["wavlm_base"], size=TINY_ENCODER),
    "lu2020": replace(REGISTERED["lu2020"], size=TINY_RECOGNISER, hidden=16, attention_heads=2),
    "liu2023": replace(REGISTERED["liu2023"], size=TINY_ENCODER, hidden=16),
}
NAMES = list(TINY)


def build(name, weights="none", seed=0):
    """A tiny network, clips to vectors, with fixed random weights."""
    torch.manual_seed(seed)
    return TINY[name].build(weights).module


def classifier(name, n_classes=4, seed=0):
    """The same with a linear head, images to logits."""
    torch.manual_seed(seed)
    built = TINY[name].build("none", n_classes)
    return EmotionNetwork(nn.Identity(), built.module, nn.Linear(built.widths["pooled"], n_classes))


def clips(n_clips=2, samples=16000, seed=0):
    """Noise as images of one row, ``[n_clips, 1, 1, samples]``."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(n_clips, 1, 1, samples, generator=generator)
