"""A random window of the frames of a clip, which the paper does not use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.augment import Augmentation
from serbench.model.ranges import Range


@dataclass(frozen=True)
class TimeWindow:
    """Keep a random window of the frames that is at least the share ``1 - width`` of them.

    The window is moved to the beginning and followed by zeros, which are padding.
    """

    name: str = "time-window"
    acts_on: Literal["waveform", "features", "frames"] = "frames"
    widths: Range = field(default_factory=lambda: Range(0.0, 0.95, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Windows of frames ``[B, T, D]``."""
        drawn = torch.rand((len(batch), 2), generator=generator).tolist()
        frames = batch.shape[1]
        windows = torch.zeros_like(batch)
        for clip, window, (shorter, place) in zip(batch, windows, drawn, strict=True):
            kept = max(1, round((1 - width * shorter) * frames))
            start = int(place * (frames - kept + 1))
            window[:kept] = clip[start : start + kept]
        return windows


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``time-window``."""
    register(TimeWindow())
