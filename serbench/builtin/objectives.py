"""Cross-entropy: the usual objective of a classifier."""

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


class PlainCrossEntropy:
    """The mean cross-entropy of an unchanged batch."""

    def mix(
        self, batch: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return both unchanged."""
        return batch, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean over the batch."""
        return F.cross_entropy(logits, targets)


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the true emotion."""

    name: str = "cross-entropy"
    ranges: Mapping[str, Range] = field(default_factory=dict)
    acts_on: Literal["waveform", "features"] | None = None

    def prepare(
        self,
        targets: Tensor,
        n_classes: int,
        parameters: Mapping[str, float],
        teacher_logits: Tensor | None = None,
    ) -> PlainCrossEntropy:
        """The same object for every training."""
        return PlainCrossEntropy()


@hookimpl
def register_objectives(register: Callable[[Objective], None]) -> None:
    """Register ``cross-entropy``."""
    register(CrossEntropy())
