"""Frequency and time masks (SpecAugment, Park et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.augment import Augmentation, uniform
from serbench.model.ranges import Range

MASKS = 2
"""Number of masks on an axis, as in the paper."""


@dataclass(frozen=True)
class Masking:
    """Two bands of up to ``width`` of an axis, replaced by each image's mean."""

    name: str
    axis: int
    acts_on: Literal["waveform", "features"] = "features"
    widths: Range = field(default_factory=lambda: Range(0.0, 0.3, initial=0.1))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Masked images ``[B, C, F, T]``."""
        n_clips, size = batch.shape[0], batch.shape[self.axis]
        position = torch.arange(size, device=batch.device).view(1, 1, -1)
        longest = int(width * size)
        length = (uniform((n_clips, MASKS, 1), generator, batch) * (longest + 1)).floor()
        start = (uniform((n_clips, MASKS, 1), generator, batch) * (size - length + 1)).floor()
        covered = ((position >= start) & (position < start + length)).any(dim=1)  # [B, size]
        shape = [n_clips, 1, 1, 1]
        shape[self.axis] = size
        mean = batch.mean(dim=(2, 3), keepdim=True)
        return torch.where(covered.view(shape), mean, batch)


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``frequency-mask`` and ``time-mask``."""
    register(Masking("frequency-mask", axis=2))
    register(Masking("time-mask", axis=3))
