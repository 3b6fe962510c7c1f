"""The encoder of torchaudio's streaming recogniser, an Emformer RNN-T.

Emformer: Shi and others, ICASSP 2021. SpecAugment: Park and others, Interspeech 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torchaudio.models import emformer_rnnt_model

from serbench.model.spectrum import PowerSpectrum
from serbench_speech_ssl.masking import padding_of, require_frames
from serbench_speech_ssl.waveform import SAMPLE_RATE

N_MELS = 80
WINDOW, HOP_LENGTH = 400, 160
REDUCTION = 4
"""Number of mel frames in one frame of the encoder."""

RIGHT_CONTEXT = 4
"""Number of future mel frames that the encoder uses."""

GAIN = 32767.0**2
"""Scale of samples: the recogniser was trained on powers of 16-bit samples."""

SPEECH_MEAN, SPEECH_DEVIATION = 12.0, 5.0
"""Rounded statistics of log powers of acted speech, for encoders without statistics."""


@dataclass(frozen=True)
class RecogniserSize:
    """The size of the recogniser's encoder; the defaults are torchaudio's.

    Attributes:
        input_dim: width of a mel frame before four of them are joined.
        n_layers: number of Emformer layers.
        n_heads: number of attention heads.
        ff_dim: width of the feed-forward networks.
        output_dim: width of the output frames.
    """

    input_dim: int = 128
    n_layers: int = 20
    n_heads: int = 8
    ff_dim: int = 2048
    output_dim: int = 1024

    def build(self) -> nn.Module:
        """An encoder with random weights; the recogniser's other parts are minimal and unused."""
        recogniser = emformer_rnnt_model(
            input_dim=N_MELS,
            encoding_dim=self.output_dim,
            num_symbols=1,
            segment_length=16,
            right_context_length=RIGHT_CONTEXT,
            time_reduction_input_dim=self.input_dim,
            time_reduction_stride=REDUCTION,
            transformer_num_heads=self.n_heads,
            transformer_ffn_dim=self.ff_dim,
            transformer_num_layers=self.n_layers,
            transformer_dropout=0.1,
            transformer_activation="gelu",
            transformer_left_context_length=30,
            transformer_max_memory_size=0,
            transformer_weight_init_scale_strategy="depthwise",
            transformer_tanh_on_mem=True,
            symbol_embedding_dim=1,
            num_lstm_layers=1,
            lstm_layer_norm=True,
            lstm_layer_norm_epsilon=1e-3,
            lstm_dropout=0.0,
        )
        encoder: nn.Module = recogniser.transcriber
        return encoder


class RecogniserFeatures(nn.Module):
    """Log-mel frames for the recogniser, a multiple of its encoder's frames."""

    filters: Tensor
    mean: Tensor
    invstddev: Tensor

    def __init__(self) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW)
        self.spectrum = PowerSpectrum(window, WINDOW, HOP_LENGTH, centred=False)
        filters = torchaudio.functional.melscale_fbanks(
            WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE
        )
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("mean", torch.full((N_MELS,), SPEECH_MEAN))
        self.register_buffer("invstddev", torch.full((N_MELS,), 1 / SPEECH_DEVIATION))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, samples]`` → zero-padded ``[B, T, 80]``, and each clip's number of frames.

        Raises:
            UsageError: a clip is too short for one frame of the encoder.
        """
        ends = waveform.shape[1] if lengths is None else lengths.unsqueeze(1)
        power = GAIN * (self.spectrum(_reflected(waveform, ends)).transpose(1, 2) @ self.filters)
        whole = power.shape[1] // REDUCTION * REDUCTION
        require_frames(whole)
        # Linear below e, where the logarithm has no lower bound.
        energy = torch.where(power > math.e, power.clamp(min=math.e).log(), power / math.e)
        frames = ((energy - self.mean) * self.invstddev)[:, :whole]
        if lengths is None:
            return frames, None
        reduced = (1 + lengths // HOP_LENGTH) // REDUCTION
        padding = padding_of(reduced, whole // REDUCTION)
        assert padding is not None
        outside = padding.unsqueeze(2).expand(-1, -1, REDUCTION).flatten(1).unsqueeze(2)
        return frames.masked_fill(outside, 0.0), reduced * REDUCTION


def _reflected(waveform: Tensor, ends: Tensor | int) -> Tensor:
    """Waveforms with half a window before and after, as a reflection of each clip at its ends.

    Args:
        waveform: ``[B, samples]``.
        ends: number of samples of each clip without padding ``[B, 1]``, or of all clips.
    """
    half = WINDOW // 2
    place = torch.arange(-half, waveform.shape[1] + half, device=waveform.device).abs()
    mirrored = 2 * (ends - 1) - place
    inside = torch.minimum(place, mirrored).clamp(min=0)
    return waveform.gather(1, inside.expand(len(waveform), -1))


def transcribe(
    encoder: Any, features: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Frames of the encoder, 40 ms apart.

    They equal those of the encoder's own ``forward``, which joins empty tensors of another rank and
    builds its masks from the values of tensors, so that it cannot be exported to ONNX.

    Args:
        encoder: torchaudio's Emformer encoder.
        features: ``[B, T, 80]`` with zeros as padding.
        lengths: number of frames of each clip without padding ``[B]``, or None for all.

    Returns:
        Frames ``[B, T // 4, D]``, and their number in each clip without padding ``[B]``, or None.
    """
    with_future = encoder.input_linear(F.pad(features, (0, 0, 0, RIGHT_CONTEXT)))
    frames = with_future.unflatten(1, (-1, REDUCTION)).flatten(2)  # [B, T // 4 + 1, D]
    n_frames = frames.shape[1] - RIGHT_CONTEXT // REDUCTION
    reduced = None if lengths is None else lengths // REDUCTION
    transformer = encoder.transformer
    segments = _Segments(n_frames, transformer, frames.device)
    attended = segments.attended(padding_of(reduced, n_frames))
    sequence = torch.cat([frames[:, segments.future], frames[:, :n_frames]], dim=1)
    for layer in transformer.emformer_layers:
        sequence = _emformer_layer(layer, sequence, attended)
    output: Tensor = encoder.output_linear(sequence[:, len(segments.future) :])
    return encoder.layer_norm(output), reduced


class _Segments:
    """The segments of an Emformer's input, and what the frames of each of them attend to.

    The frames after each segment are computed once more for this segment only, and stand before all
    others in the sequence.

    Args:
        n_frames: number of frames without those after the end.
        transformer: torchaudio's Emformer.
        device: where the tensors are.
    """

    def __init__(self, n_frames: int, transformer: Any, device: torch.device) -> None:
        length, ahead = transformer.segment_length, transformer.right_context_length
        self._place = torch.arange(n_frames, device=device)
        own = self._place // length
        ends = (torch.arange(-(-n_frames // length), device=device) + 1) * length
        ends = ends.clamp(max=n_frames)
        self.future = (ends.unsqueeze(1) + torch.arange(ahead, device=device)).flatten()
        self._futures = (
            torch.arange(len(ends), device=device).unsqueeze(1).expand(-1, ahead).flatten()
        )
        self._own = torch.cat([self._futures, own])
        self._first = self._own * length - transformer.left_context_length
        self._last = ends[self._own]

    def attended(self, padding: Tensor | None) -> Tensor:
        """True where a frame (row) attends to another one ``[B or 1, 1, N, N]``."""
        future = self._own.unsqueeze(1) == self._futures
        near = (self._place >= self._first.unsqueeze(1)) & (self._place < self._last.unsqueeze(1))
        mask = torch.cat([future, near], dim=1)[None, None]
        if padding is None:
            return mask
        kept = torch.cat([padding.new_ones(len(padding), len(self._futures)), ~padding], dim=1)
        return mask & kept[:, None, None]


def _emformer_layer(layer: Any, sequence: Tensor, attended: Tensor) -> Tensor:
    """One layer without memory: ``[B, N, D]`` → ``[B, N, D]``."""
    attention = layer.attention
    normed = layer.layer_norm_input(sequence)
    query, key, value = (
        each.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for each in (
            attention.emb_to_query(normed),
            *attention.emb_to_key_value(normed).chunk(2, dim=2),
        )
    )  # [B, heads, N, D / heads]
    dropout = attention.dropout if attention.training else 0.0
    found = F.scaled_dot_product_attention(query, key, value, attended, dropout)
    joined = attention.out_proj(found.transpose(1, 2).flatten(2))
    result = layer.dropout(joined) + sequence
    result = layer.pos_ff(result) + result
    output: Tensor = layer.layer_norm_output(result)
    return output


def recogniser_stages(encoder: Any) -> list[tuple[str, ...]]:
    """Prefixes of its parameter names: input layers, each layer, output layers."""
    n_layers = len(encoder.transformer.emformer_layers)
    return [
        ("input_linear.",),
        *((f"transformer.emformer_layers.{number}.",) for number in range(n_layers)),
        ("output_linear.", "layer_norm."),
    ]
