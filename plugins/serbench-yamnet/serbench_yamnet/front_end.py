"""YAMNet's log mel spectrogram: TensorFlow's framing and mel matrix, written in PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from serbench.data.clips import ClipFormat
from serbench.model.frontend import FrontEndModule, InputSpec, fit_image
from serbench.model.spectrum import PowerSpectrum

SAMPLE_RATE = 16000
WINDOW = 400
HOP = 160
N_FFT = 512
N_MELS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
LOG_OFFSET = 0.001

SILENCE = math.log(LOG_OFFSET)
"""The value of every band for digital silence."""

SPAN = 12.0
"""The value scaled to 1: a full-scale sine has about +5, so that speech lies between 0 and 1."""

PATCH_FRAMES = 96
PATCH_SAMPLES = WINDOW + (PATCH_FRAMES - 1) * HOP
"""15,600 samples, 0.975 s: the shortest clip with a whole patch."""


def frame_count(samples: int) -> int:
    """Number of frames of a clip; samples that do not fill a last frame are ignored."""
    return 1 + (max(samples, PATCH_SAMPLES) - WINDOW) // HOP


YAMNET_INPUT = InputSpec(
    channels=1,
    height=N_MELS,
    width=frame_count(3 * SAMPLE_RATE),
    mean=(-SILENCE / SPAN,),
    std=(1 / SPAN,),
)
"""Mean and deviation convert values between 0 and 1 to log mel magnitudes; 0 becomes silence.

So the images of other front ends have the range on which the network was trained, too.
"""


def mel_matrix() -> npt.NDArray[np.float64]:
    """Triangular filters ``[N_FFT/2 + 1, N_MELS]``, as ``tf.signal.linear_to_mel_weight_matrix``.

    The scale is HTK's, mel = 1127 ln(1 + f/700); the triangles are linear on that scale, not in Hz
    like torchaudio's, and have height 1. The bin at 0 Hz belongs to no triangle.
    """
    bins = _mel(np.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(np.array(LOWEST_HZ)), _mel(np.array(HIGHEST_HZ)), N_MELS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return filters


def _mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(hertz / 700.0)


class YamnetSpectrogram(FrontEndModule):
    """Log mel magnitudes ``[B, samples]`` at 16 kHz → ``[B, 1, 64, frames]``.

    Frames start at the first sample, without padding; silence is appended only to a clip that is
    too short for one patch. For YAMNet the image has all frames; for another backbone it is
    adjusted to the size, mean and deviation of that backbone's input.
    """

    filters: Tensor

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.spec = spec
        self.spectrum = PowerSpectrum(torch.hann_window(WINDOW), N_FFT, HOP, centred=False)
        filters = torch.from_numpy(mel_matrix()).float()
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature images."""
        features = self.log_mel(waveform).transpose(1, 2)  # [B, 64, frames]
        if self.spec == YAMNET_INPUT:
            return features.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return fit_image((features - SILENCE) / SPAN, self.spec)

    def columns(self, lengths: Tensor, samples: int, width: int) -> Tensor:
        """The frames that YAMNet would make of the clip alone, but one at least."""
        if self.spec != YAMNET_INPUT:
            return super().columns(lengths, samples, width)
        return ((lengths - WINDOW) // HOP + 1).clamp(1, width)

    def log_mel(self, waveform: Tensor) -> Tensor:
        """``[B, samples]`` → ``[B, frames, 64]``, in YAMNet's order of axes."""
        missing = PATCH_SAMPLES - waveform.shape[-1]
        if missing > 0:
            waveform = F.pad(waveform, (0, missing))
        magnitude = self.spectrum(waveform).sqrt().transpose(1, 2)  # [B, frames, 257]
        return torch.log(magnitude @ self.filters + LOG_OFFSET)


@dataclass(frozen=True)
class YamnetFrontEnd:
    """YAMNet's features: 25 ms windows every 10 ms, 64 mel bands, log magnitudes."""

    name: str = "yamnet"
    sample_rate: int | None = SAMPLE_RATE

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips at 16 kHz and a backbone with this input."""
        return YamnetSpectrogram(spec)
