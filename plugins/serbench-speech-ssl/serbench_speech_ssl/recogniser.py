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
from torch.nn.utils.rnn import pad_sequence
from torchaudio.models import emformer_rnnt_model

from serbench.errors import UsageError
from serbench_speech_ssl.waveform import SAMPLE_RATE

N_MELS = 80
HOP_LENGTH = 160
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

    mean: Tensor
    invstddev: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE, n_fft=400, n_mels=N_MELS, hop_length=HOP_LENGTH
        )
        self.register_buffer("mean", torch.full((N_MELS,), SPEECH_MEAN))
        self.register_buffer("invstddev", torch.full((N_MELS,), 1 / SPEECH_DEVIATION))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, samples]`` → zero-padded ``[B, T, 80]``, and each clip's number of frames.

        Raises:
            UsageError: a clip is too short for one frame of the encoder.
        """
        if lengths is None:
            return self._frames(waveform), None
        # Clip by clip, because the spectrogram reflects the end of its input, which must be speech.
        each = [
            self._frames(clip[:length])
            for clip, length in zip(waveform, lengths.tolist(), strict=True)
        ]
        frames = torch.tensor([len(clip) for clip in each], device=waveform.device)
        return pad_sequence(each, batch_first=True), frames

    def _frames(self, waveform: Tensor) -> Tensor:
        whole = (1 + waveform.shape[-1] // HOP_LENGTH) // REDUCTION * REDUCTION
        if whole == 0:
            raise UsageError("a clip is too short for this backbone: give at least 30 ms of sound")
        power = GAIN * self.mel(waveform)[..., :whole].transpose(-2, -1)
        # Linear below e, where the logarithm has no lower bound.
        energy = torch.where(power > math.e, power.clamp(min=math.e).log(), power / math.e)
        return (energy - self.mean) * self.invstddev


class SpecAugment(nn.Module):
    """Replaces two bands of mel channels and two spans of frames by the mean, in training only.

    A mask has up to 27 channels, as for LibriSpeech, or up to a fifth of the frames. Each clip has
    different masks, drawn from torch's generator. There is no time warping.
    """

    def __init__(self, masks: int = 2, channels: int = 27, share: float = 0.2) -> None:
        super().__init__()
        self.masks = masks
        self.channels = channels
        self.share = share

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, T, n_mels]``, masked in training."""
        if not self.training:
            return features
        mask = torchaudio.functional.mask_along_axis_iid
        image = features.unsqueeze(1)  # [B, 1, T, n_mels]
        for _ in range(self.masks):
            image = mask(image, self.channels, 0.0, axis=3)
            image = mask(image, math.ceil(self.share * features.shape[1]), 0.0, axis=2)
        masked: Tensor = image.squeeze(1)
        return masked


def transcribe(
    encoder: Any, features: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Frames of the encoder, 40 ms apart.

    Args:
        encoder: torchaudio's Emformer encoder.
        features: ``[B, T, 80]`` with zeros as padding; the longest clip has T frames.
        lengths: number of frames of each clip without padding ``[B]``, or None for all.

    Returns:
        Frames ``[B, T // 4, D]``, and their number in each clip without padding ``[B]``, or None.
    """
    n_clips, n_frames, _ = features.shape
    filled = torch.full((n_clips,), n_frames, device=features.device)
    future = F.pad(features, (0, 0, 0, RIGHT_CONTEXT))
    frames, reduced = encoder(future, filled if lengths is None else lengths)
    return frames, None if lengths is None else reduced


def recogniser_stages(encoder: Any) -> list[tuple[str, ...]]:
    """Prefixes of its parameter names: input layers, each layer, output layers."""
    n_layers = len(encoder.transformer.emformer_layers)
    return [
        ("input_linear.",),
        *((f"transformer.emformer_layers.{number}.",) for number in range(n_layers)),
        ("output_linear.", "layer_norm."),
    ]
