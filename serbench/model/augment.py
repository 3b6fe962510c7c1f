"""Augmentations: train-only changes with a width."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from serbench.model.ranges import Range


class Augmentation(Protocol):
    """What an augmentation plugin registers."""

    @property
    def name(self) -> str:
        """As it stands in results and study files."""

    @property
    def acts_on(self) -> Literal["waveform", "features"]:
        """Whether it changes waveforms ``[B, samples]`` or feature images ``[B, C, F, T]``."""

    @property
    def widths(self) -> Range:
        """The widths a study searches; 0 is off."""

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """A changed copy of ``batch``, each clip in its own way; width 0 returns it unchanged.

        Every random number comes from ``generator``, which lives on the CPU.
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
