"""A random window of the speech, which the paper does not use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.augment import Augmentation
from serbench.model.ranges import Range

FRAME = 256
"""Samples of a frame in which speech is detected: 16 ms at 16 kHz."""

QUIETER = 10**-3.5
"""Speech lasts from the first to the last frame that has this share of the power of the loudest."""


@dataclass(frozen=True)
class TimeWindow:
    """Keep a random part of the speech that is at least the share ``1 - width`` of it.

    At both sides a random part of what surrounds it is kept, at most as long as the silence at that
    end of the clip. The window is moved to the beginning, has the level of the clip, and is
    followed by zeros.
    """

    name: str = "time-window"
    acts_on: Literal["waveform", "features"] = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 1.0, initial=0.0))

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Windows of waveforms ``[B, samples]``."""
        drawn = torch.rand((len(batch), 4), generator=generator).tolist()
        if width == 0:
            return batch.clone()
        windows = torch.zeros_like(batch)
        for clip, window, (shorter, place, before, after) in zip(
            batch, windows, drawn, strict=True
        ):
            first, end = _speech(clip)
            kept = max(FRAME, round((1 - width * shorter) * (end - first)))
            start = first + round(place * max(0, end - first - kept))
            stop = min(len(clip), start + kept + round(after * (len(clip) - end)))
            start = max(0, start - round(before * first))
            part = clip[start:stop]
            power = part.square().mean()
            scale = (clip.square().mean() / power).sqrt() if power > 0 else 1.0
            window[: len(part)] = part * scale
        return windows


def _speech(clip: Tensor) -> tuple[int, int]:
    """First sample of the speech of a waveform ``[samples]``, and the one after its end."""
    padded = torch.nn.functional.pad(clip, (0, -len(clip) % FRAME))
    power = padded.view(-1, FRAME).square().sum(dim=1)
    frames = (power >= QUIETER * power.max()).nonzero()
    return int(frames[0]) * FRAME, min(len(clip), (int(frames[-1]) + 1) * FRAME)


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register ``time-window``."""
    register(TimeWindow())
