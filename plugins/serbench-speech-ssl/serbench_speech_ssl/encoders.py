"""torchaudio's wav2vec 2.0, HuBERT and WavLM encoders, made independent of padding.

wav2vec 2.0: Baevski, Zhou, Mohamed and Auli, NeurIPS 2020. HuBERT: Hsu and others, IEEE/ACM TASLP
29, 2021. WavLM: Chen and others, IEEE JSTSP 16(6), 2022. DistilHuBERT, a HuBERT of two layers:
Chang, Yang and Lee, ICASSP 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.models import wav2vec2_model, wavlm_model

from serbench_speech_ssl.masking import padding_of


@dataclass(frozen=True)
class EncoderSize:
    """The size of an encoder; the defaults are those of the ``base`` networks.

    Attributes:
        conv_layers: channels, kernel and stride of each convolution of the feature extractor.
        embed_dim: width of the transformer.
        n_layers: number of layers.
        n_heads: number of attention heads.
        ff_dim: width of its feed-forward networks.
        position_kernel: kernel size of the positional convolution in frames.
        position_groups: number of its groups.
        relative_positions: whether its attention has the relative positions of WavLM.
        projection_norm: whether a layer norm precedes the projection to ``embed_dim``.
    """

    conv_layers: tuple[tuple[int, int, int], ...] = (
        (512, 10, 5),
        *((512, 3, 2),) * 4,
        *((512, 2, 2),) * 2,
    )
    embed_dim: int = 768
    n_layers: int = 12
    n_heads: int = 12
    ff_dim: int = 3072
    position_kernel: int = 128
    position_groups: int = 16
    relative_positions: bool = False
    projection_norm: bool = True

    def build(self) -> nn.Module:
        """An encoder with random weights."""
        common: dict[str, Any] = {
            "extractor_mode": "group_norm",
            "extractor_conv_layer_config": list(self.conv_layers),
            "extractor_conv_bias": False,
            "encoder_embed_dim": self.embed_dim,
            "encoder_projection_dropout": 0.1,
            "encoder_pos_conv_kernel": self.position_kernel,
            "encoder_pos_conv_groups": self.position_groups,
            "encoder_num_layers": self.n_layers,
            "encoder_num_heads": self.n_heads,
            "encoder_attention_dropout": 0.1,
            "encoder_ff_interm_features": self.ff_dim,
            "encoder_ff_interm_dropout": 0.0,
            "encoder_dropout": 0.1,
            "encoder_layer_norm_first": False,
            "encoder_layer_drop": 0.0,
            "aux_num_out": None,
        }
        if self.relative_positions:
            encoder: Any = wavlm_model(encoder_num_buckets=320, encoder_max_distance=800, **common)
        else:
            encoder = wav2vec2_model(**common)
        if not self.projection_norm:
            encoder.encoder.feature_projection.layer_norm = nn.Identity()
        built: nn.Module = encoder
        return built


def layers_of(encoder: Any) -> nn.ModuleList:
    """The layers of an encoder's transformer."""
    layers: nn.ModuleList = encoder.encoder.transformer.layers
    return layers


def encode(
    encoder: Any, waveform: Tensor, lengths: Tensor | None = None, n_layers: int | None = None
) -> tuple[list[Tensor], Tensor | None]:
    """The frames of each layer, 20 ms apart.

    They equal torchaudio's ``extract_features``, except that a clip has the same frames with and
    without padding: torchaudio's group norm includes the padding, and its WavLM does not accept
    ``lengths``. Layers are never dropped at random.

    Args:
        encoder: one that `EncoderSize` has built.
        waveform: ``[B, samples]`` at 16 kHz.
        lengths: number of samples of each clip without padding ``[B]``, or None for all.
        n_layers: number of layers that are computed; all by default.

    Returns:
        Frames ``[B, T, D]`` of each layer, and their number in each clip without padding ``[B]``,
        or None.

    Raises:
        UsageError: a clip is too short for a single frame.
    """
    features, lengths = _extract(encoder.feature_extractor, waveform, lengths)
    frames: Tensor = encoder.encoder.feature_projection(features)
    padding = padding_of(lengths, frames.shape[1])
    masks: dict[str, Tensor] = {}
    transformer = encoder.encoder.transformer
    if padding is not None:
        frames = frames.masked_fill(padding.unsqueeze(2), 0.0)
        masks = _attention_masks(transformer.layers[0].attention, padding)
    frames = frames + transformer.pos_conv_embed(frames)
    frames = transformer.dropout(transformer.layer_norm(frames))
    position_bias: Tensor | None = None
    outputs: list[Tensor] = []
    for layer in transformer.layers[:n_layers]:
        frames, position_bias = layer(frames, position_bias=position_bias, **masks)
        outputs.append(frames)
    return outputs, lengths


def _extract(
    extractor: Any, waveform: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Convolutions: ``[B, samples]`` → ``[B, T, channels]``, and the frames without padding."""
    features = waveform.unsqueeze(1)  # [B, 1, samples]
    for block in extractor.conv_layers:
        features = block.conv(features)
        if lengths is not None:
            lengths = (lengths - block.kernel_size) // block.stride + 1
        if block.layer_norm is not None:
            padding = padding_of(lengths, features.shape[2])
            features = _normalise(block.layer_norm, features, padding)
        features = F.gelu(features)
    return features.transpose(1, 2), lengths


def _normalise(norm: nn.GroupNorm, features: Tensor, padding: Tensor | None) -> Tensor:
    """Group norm with one channel per group ``[B, channels, T]``, over frames without padding."""
    if padding is None:
        normalised: Tensor = norm(features)
        return normalised
    real = ~padding.unsqueeze(1)
    count = real.sum(dim=2, keepdim=True)
    centred = features - (features * real).sum(dim=2, keepdim=True) / count
    variance = (centred * real).square().sum(dim=2, keepdim=True) / count
    return centred * (variance + norm.eps).rsqrt() * norm.weight[:, None] + norm.bias[:, None]


def _attention_masks(attention: nn.Module, padding: Tensor) -> dict[str, Tensor]:
    """The mask of keys for WavLM; for the others a mask of queries and keys, true where allowed."""
    if hasattr(attention, "rel_attn_embed"):
        nothing = torch.zeros(padding.shape, device=padding.device)
        return {"key_padding_mask": nothing.masked_fill(padding, -torch.inf)}
    n_clips, n_frames = padding.shape
    return {"attention_mask": ~padding[:, None, None].expand(n_clips, 1, n_frames, n_frames)}


def encoder_stages(encoder: Any) -> list[tuple[str, ...]]:
    """Prefixes of its parameter names: feature extractor, projection and positions, each layer."""
    transformer = "encoder.transformer."
    return [
        ("feature_extractor.",),
        (
            "encoder.feature_projection.",
            f"{transformer}pos_conv_embed.",
            f"{transformer}layer_norm.",
        ),
        *((f"{transformer}layers.{number}.",) for number in range(len(layers_of(encoder)))),
    ]
