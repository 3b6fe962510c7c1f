"""Attention pooling: a learnt query decides how much each frame counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import Arrays, Head, TrainedHead, load_arrays
from serbench.model.ranges import Range
from serbench.model.readout import EPSILON


class AttentiveStatistics(nn.Module):
    """Frames ``[B, T, D]`` → logits ``[B, n_classes]``.

    The weight of a frame is the softmax over the frames of its product with a learnt query (Safari,
    India and Hernando 2020, "Self-attention encoding and pooling for speaker recognition",
    Interspeech). A linear layer receives the weighted mean and the weighted standard deviation of
    the frames (Okabe, Koshinaka and Shinoda 2018, "Attentive statistics pooling for deep speaker
    embedding", Interspeech). The query is initially 0, so that all frames have the same weight.

    Args:
        width: size D of the frames.
        n_classes: number of emotions.
    """

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))
        self.output = nn.Linear(2 * width, n_classes)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of each clip.

        Args:
            frames: ``[B, T, D]``.
            lengths: frames of each clip that are not padding ``[B]``, or None for all.
        """
        padding: Tensor | None = None
        if lengths is not None:
            padding = torch.arange(frames.shape[1], device=frames.device) >= lengths.unsqueeze(1)
            frames = frames.masked_fill(padding.unsqueeze(2), 0.0)  # padding may be infinite
        scores = frames @ self.query  # [B, T]
        if padding is not None:
            scores = scores.masked_fill(padding, -torch.inf)
        weights = scores.softmax(dim=1).unsqueeze(2)  # [B, T, 1]
        mean = (weights * frames).sum(dim=1)
        variance = (weights * (frames - mean.unsqueeze(1)).square()).sum(dim=1)
        logits: Tensor = self.output(torch.cat([mean, (variance + EPSILON).sqrt()], dim=1))
        return logits


@dataclass(frozen=True)
class AttentionHead(TrainedHead):
    """Attention pooling of frames and a linear layer, trained by gradient descent."""

    name: str = "attention"
    ranges: Mapping[str, Range] = field(default_factory=dict)
    takes_frames: bool = True

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """Query 0 and a linear layer with random weights; it cannot start from another layer."""
        return AttentiveStatistics(width, n_classes)

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The module with ``query`` ``[width]`` and the layer ``output``."""
        return load_arrays(AttentiveStatistics(width, n_classes), arrays)


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``attention``."""
    register(AttentionHead())
