"""Mel-frequency cepstral coefficients (Davis and Mermelstein 1980)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor

from serbench import hookimpl
from serbench.builtin.mel import MelSpectrogram
from serbench.data.clips import ClipFormat
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec, fit_image

LEVEL = 1e5
"""Power of a mel band times this is added to 1 before the logarithm.

A band with less power than ``1 / LEVEL`` counts little: in the transform of a loud tone, other
bands have so much power by rounding alone.
"""


class _FittedMfcc(FrontEndModule):
    cosines: Tensor

    def __init__(self, n_mfcc: int, n_mels: int, clip_format: ClipFormat, spec: InputSpec) -> None:
        super().__init__()
        rate = clip_format.sample_rate
        window, hop = round(0.025 * rate), round(0.010 * rate)
        n_fft = max(1024, 2 ** math.ceil(math.log2(window)))
        self.spec = spec
        self.mel = MelSpectrogram(rate, n_fft, window, hop, n_mels)
        cosines = torchaudio.functional.create_dct(n_mfcc, n_mels, norm="ortho")
        self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature images ``[B, C, F, T]``, each coefficient standardised over its clip."""
        energy = torch.log1p(LEVEL * self.mel(waveform))  # exactly zero in silence, as in logmel
        coefficients = self.cosines.T @ energy  # [B, n_mfcc, frames]
        mean = coefficients.mean(dim=2, keepdim=True)
        deviation = coefficients.std(dim=2, keepdim=True)
        return fit_image(0.5 + 0.25 * (coefficients - mean) / (deviation + 1e-5), self.spec)


@dataclass(frozen=True)
class Mfcc:
    """40 coefficients of 25 ms windows every 10 ms, resized to the backbone's input."""

    name: str = "mfcc"
    sample_rate: int | None = None
    n_mfcc: int = 40
    n_mels: int = 64

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for these clips and this backbone."""
        return _FittedMfcc(self.n_mfcc, self.n_mels, clip_format, spec)


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``mfcc``."""
    register(Mfcc())
