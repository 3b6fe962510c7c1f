"""Augmentation ``$name``: a weak hum, to be replaced by your own augmentation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.augment import Augmentation, uniform
from serbench.model.ranges import Range

CYCLES = 130.0
"""Largest number of periods of the hum in one clip."""


@dataclass(frozen=True)
class Hum:
    """Add a sine of random pitch and phase; ``width`` is its amplitude, full scale 1."""

    name: str = "$name"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 0.1, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Waveforms ``[B, samples]`` with a hum."""
        n_clips, samples = batch.shape
        cycles = uniform((n_clips, 1), generator, batch, 1.0, CYCLES)
        start = uniform((n_clips, 1), generator, batch)
        time = torch.arange(samples, device=batch.device) / samples
        return batch + width * torch.sin(2 * math.pi * (cycles * time + start))


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``$name``."""
    register(Hum())
