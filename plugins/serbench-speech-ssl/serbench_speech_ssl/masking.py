"""Sequences of unequal length in one batch: what is padding must not count.

Frames are ``[B, T, D]``; ``lengths`` are the real frames of each clip, ``[B]``, or None where
every frame is real; ``padding`` is true where a frame is not, ``[B, T]``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from serbench.errors import UsageError


def padding_of(lengths: Tensor | None, frames: int) -> Tensor | None:
    """Where the padding is, or None where there is none.

    Raises:
        UsageError: a clip is so short that it has no frame at all.
    """
    if lengths is None:
        return None
    if int(lengths.min()) < 1:
        raise UsageError("a clip is too short for this backbone: give at least 30 ms of sound")
    return torch.arange(frames, device=lengths.device) >= lengths.unsqueeze(1)


def mean_over_time(frames: Tensor, padding: Tensor | None) -> Tensor:
    """``[B, D]``, the mean of the real frames."""
    if padding is None:
        return frames.mean(dim=1)
    real = ~padding.unsqueeze(2)
    return (frames * real).sum(dim=1) / real.sum(dim=1)


def maximum_over_time(frames: Tensor, padding: Tensor | None) -> Tensor:
    """``[B, D]``, the largest value among the real frames."""
    if padding is not None:
        frames = frames.masked_fill(padding.unsqueeze(2), -torch.inf)
    return frames.amax(dim=1)


def run_lstm(lstm: nn.LSTM, frames: Tensor, lengths: Tensor | None) -> Tensor:
    """``[B, T, hidden]``; the backward direction begins at each clip's own last frame."""
    if lengths is None:
        whole: Tensor = lstm(frames)[0]
        return whole
    packed = pack_padded_sequence(frames, lengths.cpu(), batch_first=True, enforce_sorted=False)
    output, _ = lstm(packed)
    unpacked, _ = pad_packed_sequence(output, batch_first=True, total_length=frames.shape[1])
    return unpacked
