"""Objective ``$name``: smoothed cross-entropy, to be replaced by your own objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from serbench import hookimpl
from serbench.model.objective import Objective
from serbench.model.ranges import Range


@dataclass(frozen=True)
class Smoothed:
    """Cross-entropy in which a part of each target is distributed over all emotions."""

    smoothing: float

    def mix(
        self, batch: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The batch and its targets, unchanged."""
        return batch, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean over the batch."""
        return F.cross_entropy(logits, targets, label_smoothing=self.smoothing)


@dataclass(frozen=True)
class LabelSmoothing:
    """Label smoothing (Szegedy et al. 2016), with a strength that a study searches."""

    name: str = "$name"
    ranges: Mapping[str, Range] = field(
        default_factory=lambda: {"smoothing": Range(0.0, 0.3, initial=0.1)}
    )
    acts_on: Literal["waveform", "features"] | None = None

    def prepare(
        self,
        targets: Tensor,
        n_classes: int,
        parameters: Mapping[str, float],
        teacher_logits: Tensor | None = None,
    ) -> Smoothed:
        """The objective with the strength of a configuration."""
        return Smoothed(parameters.get("smoothing", 0.1))


@hookimpl
def register_objectives(register: Callable[[Objective], None]) -> None:
    """Register ``$name``."""
    register(LabelSmoothing())
