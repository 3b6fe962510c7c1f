"""Front end ``$name``: log magnitudes of a short Fourier transform, to be replaced by yours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.data.clips import ClipFormat
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec, fit_image, fitted_hop


class LogSpectrogram(FrontEndModule):
    """Log magnitudes on a linear frequency scale, resized to the input of the backbone."""

    window: Tensor

    def __init__(self, hop_length: int, n_fft: int, spec: InputSpec) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.n_fft = n_fft
        self.spec = spec
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature images ``[B, C, F, T]``, with values of about 0 to 1 before normalisation."""
        spectrum = torch.stft(
            waveform, self.n_fft, self.hop_length, window=self.window, return_complex=True
        )  # [B, n_fft/2 + 1, frames]
        level = torch.log10(spectrum.abs().clamp(min=1e-5))  # −5 to about 2
        return fit_image((level + 5) / 7, self.spec)


@dataclass(frozen=True)
class LinearFrequency:
    """A spectrogram with a hop length that is fitted to the columns of the backbone's input."""

    name: str = "$name"
    sample_rate: int | None = None
    n_fft: int = 1024

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for these clips and this backbone."""
        hop_length = fitted_hop(clip_format.samples, self.n_fft, spec.width)
        return LogSpectrogram(hop_length, self.n_fft, spec)


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``$name``."""
    register(LinearFrequency())
