"""The heads of the two published systems, which are trained on frames."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torchaudio
from torch import Tensor, nn

from serbench.model.head import Arrays, TrainedHead, load_arrays
from serbench.model.ranges import Range
from serbench_speech_ssl.masking import (
    maximum_over_time,
    mean_over_time,
    padding_of,
    run_lstm,
)
from serbench_speech_ssl.networks import CepstralFrames


class AttentionPooling(nn.Module):
    """Several weighted means over time, concatenated (Lin and others, ICLR 2017)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.scores = nn.Linear(hidden, heads, bias=False)

    def weights(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """Weight of each frame in each head ``[B, heads, T]``; the weights of a head sum to 1."""
        scores: Tensor = self.scores(torch.tanh(self.hidden(frames)))  # [B, T, heads]
        if padding is not None:
            scores = scores.masked_fill(padding.unsqueeze(2), -torch.inf)
        return scores.softmax(dim=1).transpose(1, 2)

    def forward(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """``[B, T, D]`` → ``[B, heads · D]``."""
        return torch.bmm(self.weights(frames, padding), frames).flatten(1)


class SpanMasks(nn.Module):
    """Replaces two spans of frames by zeros, in training only (Park and others, Interspeech 2019).

    A span has up to a fifth of the frames. Each clip has different spans, drawn from torch's
    generator.
    """

    def __init__(self, masks: int = 2, share: float = 0.2) -> None:
        super().__init__()
        self.masks = masks
        self.share = share

    def forward(self, frames: Tensor) -> Tensor:
        """Frames ``[B, T, D]``, masked in training."""
        if not self.training:
            return frames
        longest = math.ceil(self.share * frames.shape[1])
        image = frames.unsqueeze(1)  # [B, 1, T, D]
        for _ in range(self.masks):
            image = torchaudio.functional.mask_along_axis_iid(image, longest, 0.0, axis=2)
        masked: Tensor = image.squeeze(1)
        return masked


class Lu2020Module(nn.Module):
    """Masks, a bidirectional LSTM, attention pooling, and a linear layer."""

    def __init__(self, width: int, n_classes: int, hidden: int, attention_heads: int) -> None:
        super().__init__()
        self.masks = SpanMasks()
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.pooling = AttentionPooling(2 * hidden, attention_heads, hidden)
        self.output = nn.Linear(attention_heads * 2 * hidden, n_classes)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames ``[B, T, D]`` and their numbers ``[B]`` or None → logits ``[B, n_classes]``."""
        padding = padding_of(lengths, frames.shape[1])
        sequence = run_lstm(self.lstm, self.masks(frames), lengths)  # [B, T, 2 · hidden]
        logits: Tensor = self.output(self.pooling(sequence, padding))
        return logits


class ChannelWeighting(nn.Module):
    """Weights of channels, computed from their means and maxima over time.

    Both streams have the same bottleneck; the weights are the sigmoid of their sum.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.bottleneck = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
        )

    def forward(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """Weighted frames ``[B, T, channels]``."""
        streams = self.bottleneck(mean_over_time(frames, padding)) + self.bottleneck(
            maximum_over_time(frames, padding)
        )
        return frames * torch.sigmoid(streams).unsqueeze(1)


class Liu2023Module(nn.Module):
    """The mean of wav2vec's frames beside pooled MFCCs with weighted channels, and a linear layer.

    The MFCCs are the last 40 values of a frame, or the whole of a shorter one.
    """

    def __init__(self, width: int, n_classes: int, hidden: int, reduction: int) -> None:
        super().__init__()
        self.n_mfcc = min(width, CepstralFrames.N_MFCC)
        self.lstm = nn.LSTM(self.n_mfcc, hidden, batch_first=True, bidirectional=True)
        self.weighting = ChannelWeighting(2 * hidden, reduction)
        self.output = nn.Linear(width - self.n_mfcc + 4 * hidden, n_classes)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames ``[B, T, D]`` and their numbers ``[B]`` or None → logits ``[B, n_classes]``."""
        padding = padding_of(lengths, frames.shape[1])
        sequence = run_lstm(self.lstm, frames[..., -self.n_mfcc :], lengths)
        weighted = self.weighting(sequence, padding)
        pooled = [mean_over_time(weighted, padding), maximum_over_time(weighted, padding)]
        if frames.shape[2] > self.n_mfcc:
            pooled.insert(0, mean_over_time(frames[..., : -self.n_mfcc], padding))
        logits: Tensor = self.output(torch.cat(pooled, dim=1))
        return logits


class FrameHead(TrainedHead):
    """Base class of heads on frames without searched parameters."""

    takes_frames: bool = True

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """A module with random weights; it cannot start from another layer."""
        return self.built(width, n_classes)

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The module with these arrays.

        Raises:
            WeightsError: the arrays do not fit.
        """
        return load_arrays(self.built(width, n_classes), arrays)

    @abstractmethod
    def built(self, width: int, n_classes: int) -> nn.Module:
        """A module with random weights."""


@dataclass(frozen=True)
class Lu2020Head(FrameHead):
    """A bidirectional LSTM and attention pooling (Lu, Cao, Zhang, Chiu and Fan, ICASSP 2020)."""

    name: str = "lu2020"
    ranges: Mapping[str, Range] = field(default_factory=dict)
    hidden: int = 128
    attention_heads: int = 8

    def built(self, width: int, n_classes: int) -> nn.Module:
        """A module with random weights."""
        return Lu2020Module(width, n_classes, self.hidden, self.attention_heads)


@dataclass(frozen=True)
class Liu2023Head(FrameHead):
    """Weighted channels of MFCCs, pooled in two streams (Liu and others, 2023, as far as known)."""

    name: str = "liu2023"
    ranges: Mapping[str, Range] = field(default_factory=dict)
    hidden: int = 128
    reduction: int = 8

    def built(self, width: int, n_classes: int) -> nn.Module:
        """A module with random weights."""
        return Liu2023Module(width, n_classes, self.hidden, self.reduction)
