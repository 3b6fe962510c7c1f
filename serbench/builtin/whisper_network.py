"""The encoder of Whisper, in PyTorch only.

Radford, Kim, Xu, Brockman, McLeavey and Sutskever, "Robust Speech Recognition via Large-Scale Weak
Supervision", ICML 2023. Parameters have the names of the files that Hugging Face publishes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from serbench.builtin.whisper_mel import BANDS, MOST_COLUMNS

MOST_FRAMES = MOST_COLUMNS // 2
"""Rows of the position table."""


class WhisperEncoder(nn.Module):
    """Two convolutions, sinusoidal positions, layers of a transformer, and a last layer norm.

    Args:
        n_layers: number of layers.
        width: size of the frames.
        n_heads: number of attention heads.
    """

    def __init__(self, n_layers: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.embed_positions = _PositionTable(width)
        self.layers = nn.ModuleList(_Layer(width, n_heads) for _ in range(n_layers))
        self.layer_norm: nn.LayerNorm | None = nn.LayerNorm(width)

    def shorten(self, n_layers: int) -> None:
        """Remove the layers after the first ``n_layers``, and with the last of them its norm."""
        if n_layers < len(self.layers):
            del self.layers[n_layers:]
            self.layer_norm = None

    def forward(
        self, image: Tensor, columns: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """The output of each layer, the last one after the layer norm.

        A clip has the same frames with and without padding: before each convolution padding is set
        to zero, the value with which convolutions themselves pad, and attention leaves it out.

        Args:
            image: ``[B, 1, 80, T]`` with at most 3,000 columns.
            columns: of each image that are not padding ``[B]``, or None for all.

        Returns:
            frames ``[B, ceil(T / 2), D]`` of each layer, and the number of frames of each clip that
            are not padding ``[B]``, or None for all.
        """
        sound = _without_padding(image[:, 0], columns)  # [B, 80, T]
        sound = _without_padding(F.gelu(self.conv1(sound)), columns)
        frames = F.gelu(self.conv2(sound)).transpose(1, 2)
        frames = frames + self.embed_positions.weight[: frames.shape[1]]
        lengths, attended = None, None
        if columns is not None:
            lengths = (columns + 1) // 2
            attended = _before(lengths, frames.shape[1])[:, None, None]  # [B, 1, 1, T]
        outputs = []
        for layer in self.layers:
            frames = layer(frames, attended)
            outputs.append(frames)
        if self.layer_norm is not None:
            outputs[-1] = self.layer_norm(frames)
        return outputs, lengths


def _before(lengths: Tensor, places: int) -> Tensor:
    """True for the places before each length ``[B, places]``."""
    return torch.arange(places, device=lengths.device) < lengths.unsqueeze(1)


def _without_padding(features: Tensor, columns: Tensor | None) -> Tensor:
    """Features ``[B, D, T]`` with zeros instead of padding."""
    if columns is None:
        return features
    return features.masked_fill(~_before(columns, features.shape[2]).unsqueeze(1), 0.0)


class _PositionTable(nn.Module):
    """Sines and cosines of 1,500 positions ``[1500, D]``, which are not trained."""

    weight: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        steps = torch.arange(width // 2) / (width // 2 - 1)
        rates = torch.exp(-math.log(10_000) * steps)
        angles = torch.arange(MOST_FRAMES).unsqueeze(1) * rates
        self.register_buffer("weight", torch.cat([angles.sin(), angles.cos()], dim=1))


class _Layer(nn.Module):
    """Attention and a feed-forward network, each after a layer norm and added to its input."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.self_attn = _Attention(width, n_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor, attended: Tensor | None) -> Tensor:
        """Frames ``[B, T, D]`` → frames ``[B, T, D]``."""
        frames = frames + self.self_attn(self.self_attn_layer_norm(frames), attended)
        hidden = F.gelu(self.fc1(self.final_layer_norm(frames)))
        return frames + self.fc2(hidden)  # type: ignore[no-any-return]


class _Attention(nn.Module):
    """Attention of every frame to all frames of its clip; keys have no bias."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, frames: Tensor, attended: Tensor | None) -> Tensor:
        """Frames ``[B, T, D]`` → frames ``[B, T, D]``.

        Args:
            frames: of each clip.
            attended: true for the frames that are not padding ``[B, 1, 1, T]``, or None for all.
        """
        query, key, value = (
            projection(frames).unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )  # [B, heads, T, D / heads]
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        joined: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return joined
