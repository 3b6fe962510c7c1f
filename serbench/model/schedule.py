"""Schedules: an optimiser and the course of its learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from serbench.model.ranges import Range


class Scheduler(Protocol):
    """What a scheduler plugin registers."""

    @property
    def name(self) -> str:
        """As typed on the command line."""

    @property
    def learning_rates(self) -> Range:
        """The highest learning rate of the course: where to search, and the paper's."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, steps: int
    ) -> tuple[Optimizer, LRScheduler]:
        """An optimiser and its course over ``steps`` batches, stepped after each batch."""
