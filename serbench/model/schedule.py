"""Schedules: an optimiser and its learning rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from serbench.model.ranges import Range


class Scheduler(Protocol):
    """The interface of a scheduler plugin."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def learning_rates(self) -> Range:
        """The range of the highest learning rate, with its initial value."""

    @property
    def weight_decays(self) -> Range:
        """The range of the weight decay, with its initial value."""

    def build(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        steps: int,
        weight_decay: float = 0.0,
    ) -> tuple[Optimizer, LRScheduler]:
        """An optimiser and its schedule over ``steps`` batches, with a step after each batch."""
