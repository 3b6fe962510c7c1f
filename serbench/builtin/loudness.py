"""Differences between microphones: gain and noise, neither of which the paper uses."""

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
        loudness = batch.square().mean(dim=1, keepdim=True).sqrt()
        amount = uniform((len(batch), 1), generator, batch) * width * loudness
        noise = torch.randn(batch.shape, generator=generator).to(batch.device)
        return batch + amount * noise


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``gain`` and ``noise``."""
    register(Gain())
    register(Noise())
