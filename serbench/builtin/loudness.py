"""Differences between microphones, none of which the paper uses: gain, noise, gain of octaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.augment import Augmentation, uniform
from serbench.model.ranges import Range


@dataclass(frozen=True)
class Gain:
    """Louder or softer by up to ``width`` decibels."""

    name: str = "gain"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 12.0, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Scaled waveforms ``[B, samples]``."""
        decibels = uniform((len(batch), 1), generator, batch, -width, width)
        return batch * torch.pow(10.0, decibels / 20)


@dataclass(frozen=True)
class Noise:
    """White noise of up to ``width`` times the clip's root mean square."""

    name: str = "noise"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 0.2, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Noisy waveforms ``[B, samples]``."""
        amount = uniform((len(batch), 1), generator, batch) * width * _level(batch)
        noise = torch.randn(batch.shape, generator=generator).to(batch.device)
        return batch + amount * noise


OCTAVES = 7
"""Number of gains that are drawn for a clip, at the Nyquist frequency and at each octave below."""


@dataclass(frozen=True)
class OctaveGain:
    """Each octave louder or softer by up to ``width`` decibels; the level of the clip is kept.

    At 16 kHz the gains are drawn at 125 Hz, 250 Hz and so on to 8 kHz. Between them the gain in
    decibels is linear in the logarithm of the frequency; below them it is constant.
    """

    name: str = "octave-gain"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 20.0, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Filtered waveforms ``[B, samples]``."""
        gains = uniform((len(batch), OCTAVES), generator, batch, -width, width)
        if width == 0:
            return batch.clone()
        spectrum = torch.fft.rfft(batch)
        share = torch.linspace(0, 1, spectrum.shape[1], device=batch.device)  # of Nyquist
        place = (share.clamp(min=2.0 ** (1 - OCTAVES)).log2() + OCTAVES - 1).clamp(max=OCTAVES - 1)
        below = place.floor().long().clamp(max=OCTAVES - 2)
        decibels = torch.lerp(gains[:, below], gains[:, below + 1], place - below)
        filtered: Tensor = torch.fft.irfft(
            spectrum * torch.pow(10.0, decibels / 20), n=batch.shape[1]
        )
        scale: Tensor = _level(batch) / _level(filtered).clamp(min=torch.finfo().tiny)
        return filtered * scale


def _level(batch: Tensor) -> Tensor:
    """Root mean square of each waveform ``[B, 1]``."""
    level: Tensor = batch.square().mean(dim=1, keepdim=True).sqrt()
    return level


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``gain``, ``noise`` and ``octave-gain``."""
    register(Gain())
    register(Noise())
    register(OctaveGain())
