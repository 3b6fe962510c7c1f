"""Augmentations: random changes of training clips, whose strength is their width."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from serbench.model.ranges import Range


class Augmentation(Protocol):
    """The interface of an augmentation plugin."""

    @property
    def name(self) -> str:
        """Name in results and study files."""

    @property
    def acts_on(self) -> Literal["waveform", "features", "frames"]:
        """What it changes: waveforms, feature images, or frames of a frozen backbone.

        Their shapes are ``[B, samples]``, ``[B, C, F, T]`` and ``[B, T, D]``. Frames are changed in
        views only; the random numbers for all taps of a clip are the same.
        """

    @property
    def widths(self) -> Range:
        """The widths that a study searches; 0 switches it off."""

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """A copy of ``batch`` in which each clip is changed independently; width 0 changes nothing.

        Every random number comes from ``generator``, which is on the CPU. Zeros that it appends to
        a waveform or to frames are padding, for backbones that can ignore padding.
        """


def uniform(
    shape: tuple[int, ...],
    generator: torch.Generator,
    like: Tensor,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Uniform random numbers from ``generator`` on the device of ``like``."""
    drawn = torch.rand(shape, generator=generator)
    return (low + (high - low) * drawn).to(like.device)
