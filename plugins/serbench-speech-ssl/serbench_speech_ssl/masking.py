"""Functions of sequences of unequal length in one batch, which ignore padding.

Frames are ``[B, T, D]``; ``lengths`` are the numbers of frames without padding ``[B]``, or None
where there is no padding; ``padding`` is true for padding frames ``[B, T]``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from serbench.errors import UsageError


def padding_of(lengths: Tensor | None, frames: int) -> Tensor | None:
    """The mask of padding frames, or None where there is no padding.

    An exported graph takes any length, because it cannot depend on the content of a tensor.

    Raises:
        UsageError: a clip is too short for one frame.
    """
    if lengths is None:
        return None
    if not torch.compiler.is_compiling():
        require_frames(int(lengths.min()))
    return torch.arange(frames, device=lengths.device) >= lengths.unsqueeze(1)


def require_frames(fewest: int) -> None:
    """Refuse clips without a frame.

    Raises:
        UsageError: the shortest clip has none.
    """
    if fewest < 1:
        raise UsageError("a clip is too short for this backbone: give at least 30 ms of sound")


def mean_over_time(frames: Tensor, padding: Tensor | None) -> Tensor:
    """The mean over frames without padding ``[B, D]``."""
    if padding is None:
        return frames.mean(dim=1)
    real = ~padding.unsqueeze(2)
    return (frames * real).sum(dim=1) / real.sum(dim=1)


def maximum_over_time(frames: Tensor, padding: Tensor | None) -> Tensor:
    """The maximum over frames without padding ``[B, D]``."""
    if padding is not None:
        frames = frames.masked_fill(padding.unsqueeze(2), -torch.inf)
    return frames.amax(dim=1)


def run_lstm(lstm: nn.LSTM, frames: Tensor, lengths: Tensor | None) -> Tensor:
    """Output ``[B, T, hidden]``; the backward direction starts at the last frame of each clip."""
    if lengths is None:
        whole: Tensor = lstm(frames)[0]
        return whole
    if torch.compiler.is_exporting():  # a graph has no sequences of different lengths
        return _run_both_directions(lstm, frames, lengths)
    packed = pack_padded_sequence(frames, lengths.cpu(), batch_first=True, enforce_sorted=False)
    output, _ = lstm(packed)
    unpacked, _ = pad_packed_sequence(output, batch_first=True, total_length=frames.shape[1])
    return unpacked


def _run_both_directions(lstm: nn.LSTM, frames: Tensor, lengths: Tensor) -> Tensor:
    """The same for one bidirectional layer: the frames without padding are reversed and back."""
    places = torch.arange(frames.shape[1], device=frames.device)
    last = lengths.unsqueeze(1) - 1
    order = torch.where(places <= last, last - places, places).unsqueeze(2)  # [B, T, 1]
    reversed_ = frames.gather(1, order.expand(-1, -1, frames.shape[2]))
    start = frames.new_zeros(1, len(frames), lstm.hidden_size)
    outputs = []
    for sequence, suffix in ((frames, ""), (reversed_, "_reverse")):
        weights = [
            getattr(lstm, f"{name}_l0{suffix}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        outputs.append(
            torch.lstm(sequence, (start, start), weights, True, 1, 0.0, False, False, True)[0]
        )
    outputs[1] = outputs[1].gather(1, order.expand(-1, -1, lstm.hidden_size))
    joined = torch.cat(outputs, dim=2)
    return joined.masked_fill((places > last).unsqueeze(2), 0.0)
