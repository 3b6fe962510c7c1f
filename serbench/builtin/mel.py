"""Mel spectrograms: in decibels as in the paper, and as log energies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from serbench import hookimpl
from serbench.data.clips import ClipFormat
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec, fit_image, fitted_hop
from serbench.model.spectrum import PowerSpectrum

DECIBEL_FLOOR = -40.0
DECIBEL_SPAN = 100.0
"""A full-scale sine has about +57 dB here, so that speech lies between 0 and 1."""

BLOCK = 56
"""Number of neighbouring mel bands in a block, which is multiplied only by the bins it covers.

Smaller blocks multiply fewer zeros, but the threads synchronise after each block.
"""


class MelSpectrogram(FrontEndModule):
    """Mel power spectrogram ``[B, samples]`` → ``[B, n_mels, frames]`` with a Hann window.

    ``scale`` is that of the filters: ``htk`` with the height 1, or ``slaney`` with the area 1, as
    in librosa.
    """

    filters: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_fft: int,
        win_length: int,
        hop_length: int,
        n_mels: int,
        scale: Literal["htk", "slaney"] = "htk",
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.spectrum = PowerSpectrum(torch.hann_window(win_length), n_fft, hop_length)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for empty filters, which notes report
            filters = torchaudio.functional.melscale_fbanks(
                n_fft // 2 + 1,
                0.0,
                sample_rate / 2,
                n_mels,
                sample_rate,
                norm=None if scale == "htk" else scale,
                mel_scale=scale,
            )
        # A narrower last block would be multiplied by another algorithm for some batch sizes, with
        # different last digits.
        whole_blocks = F.pad(filters, (0, -n_mels % BLOCK))
        self.register_buffer("filters", whole_blocks, persistent=False)
        self.blocks = _blocks(whole_blocks)
        empty = int((filters.sum(0) == 0).sum())
        if empty:
            self.notes = (
                f"{empty} of {n_mels} mel filters are empty: n_fft {n_fft} at {sample_rate} Hz "
                "is too coarse for this number of bands; choose a backbone with fewer rows",
            )

    def forward(self, waveform: Tensor) -> Tensor:
        """Mel powers.

        A triangle covers few bins, and distant triangles have no bin in common: computing block by
        block omits most of a matrix product that would otherwise take the most time.
        """
        power = self.spectrum(waveform)  # [B, n_fft/2 + 1, frames]
        parts = [
            torch.matmul(self.filters[bins, bands].T, power[:, bins]) for bins, bands in self.blocks
        ]
        return torch.cat(parts, dim=1)[:, : self.n_mels]


def _blocks(filters: Tensor) -> list[tuple[slice, slice]]:
    """Bins and bands of each block of ``filters`` ``[bins, n_mels]`` that is not all zeros."""
    blocks = []
    for first in range(0, filters.shape[1], BLOCK):
        bands = slice(first, first + BLOCK)
        covered = filters[:, bands].any(dim=1).nonzero().flatten().tolist() or [0]
        blocks.append((slice(covered[0], covered[-1] + 1), bands))
    return blocks


class _FittedMel(FrontEndModule):
    """A mel spectrogram, a scale of its powers, and the adjustment to the backbone's input."""

    def __init__(
        self, mel: MelSpectrogram, scale: Callable[[Tensor], Tensor], spec: InputSpec
    ) -> None:
        super().__init__()
        self.mel = mel
        self.scale = scale
        self.spec = spec
        self.notes = mel.notes

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature images ``[B, C, F, T]``.

        On a CPU it processes two clips per thread at a time, because the intermediate results of a
        whole batch do not fit into the caches. When traced it processes the batch at once, so that
        the graph is valid for any batch size.
        """
        together = 2 * torch.get_num_threads()
        at_once = torch.compiler.is_compiling() or waveform.device.type != "cpu"
        if at_once or len(waveform) <= together:
            return self._images(waveform)
        return torch.cat([self._images(clips) for clips in torch.split(waveform, together)])

    def _images(self, waveform: Tensor) -> Tensor:
        return fit_image(self.scale(self.mel(waveform)), self.spec)


def decibels(power: Tensor) -> Tensor:
    """Powers ``[B, F, T]`` in dB, at most 80 dB below the clip's maximum, scaled to about 0 to 1.

    The reference is fixed, so that the image depends on the loudness of the clip.
    """
    bels = torch.log10(power.clamp(min=1e-10))
    floor = bels.amax(dim=(1, 2), keepdim=True) - 8
    return torch.maximum(bels, floor) * (10 / DECIBEL_SPAN) - DECIBEL_FLOOR / DECIBEL_SPAN


def standardised_log(power: Tensor) -> Tensor:
    """Natural logarithms of powers ``[B, F, T]``, scaled to mean ½ and deviation ¼ per clip.

    Powers are in units of 1e-6, and 1 is added. The energy of silence is then exactly zero in every
    runtime; the division by its deviation would enlarge an error of rounding a hundred thousand
    times.
    """
    energy = torch.log1p(1e6 * power)
    mean = energy.mean(dim=(1, 2), keepdim=True)
    deviation = energy.std(dim=(1, 2), keepdim=True)
    return 0.5 + 0.25 * (energy - mean) / (deviation + 1e-5)


@dataclass(frozen=True)
class Mel:
    """The paper's front end: one mel band per row, and a hop that gives the number of columns."""

    name: str = "mel"
    sample_rate: int | None = None
    n_fft: int = 2048

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for these clips and this backbone."""
        hop = fitted_hop(clip_format.samples, self.n_fft, spec.width)
        mel = MelSpectrogram(clip_format.sample_rate, self.n_fft, self.n_fft, hop, spec.height)
        return _FittedMel(mel, decibels, spec)


@dataclass(frozen=True)
class LogMel:
    """The usual features of speech recognition: 25 ms windows every 10 ms, 80 bands, log energies.

    They are standardised per clip, hence independent of loudness, and resized to the backbone's
    input.
    """

    name: str = "logmel"
    sample_rate: int | None = None
    n_mels: int = 80

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for these clips and this backbone."""
        rate = clip_format.sample_rate
        window, hop = round(0.025 * rate), round(0.010 * rate)
        n_fft = 2 ** math.ceil(math.log2(window))
        mel = MelSpectrogram(rate, n_fft, window, hop, self.n_mels)
        return _FittedMel(mel, standardised_log, spec)


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``mel`` and ``logmel``."""
    register(Mel())
    register(LogMel())
