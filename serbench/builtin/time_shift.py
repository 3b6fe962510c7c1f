"""Shift in time, with wrap-around (the paper's first augmentation)."""

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
class TimeShift:
    """Roll each waveform forward by up to ``width`` of its length."""

    name: str = "time-shift"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 0.5, initial=0.3))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Rolled waveforms ``[B, samples]``."""
        n_clips, samples = batch.shape
        shifts = (uniform((n_clips, 1), generator, batch) * (width * samples)).long()
        # Copying two parts of each clip is several times faster than indexing every sample.
        return torch.stack(
            [clip.roll(shift) for clip, shift in zip(batch, shifts[:, 0].tolist(), strict=True)]
        )


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``time-shift``."""
    register(TimeShift())
