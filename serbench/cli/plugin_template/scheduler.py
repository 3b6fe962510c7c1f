"""Scheduler ``$name``: SGD with a stepwise learning rate, to be replaced by your own schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from serbench import hookimpl
from serbench.model.ranges import Range
from serbench.model.schedule import Scheduler

PLATEAUS = 3
"""The training is divided into this many parts; the learning rate is constant in each part."""


@dataclass(frozen=True)
class Steps:
    """SGD with momentum; the rate falls to a tenth after each third of the batches."""

    name: str = "$name"
    learning_rates: Range = field(default_factory=lambda: Range(1e-3, 1e-1, initial=1e-2, log=True))
    weight_decays: Range = field(default_factory=lambda: Range(0.0, 1e-3, initial=0.0))

    def build(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        steps: int,
        weight_decay: float = 0.0,
    ) -> tuple[Optimizer, LRScheduler]:
        """The optimiser and its learning-rate schedule over ``steps`` batches."""
        optimizer = SGD(parameters, lr=learning_rate, momentum=0.9, weight_decay=weight_decay)
        course = LambdaLR(optimizer, lambda step: 0.1 ** (PLATEAUS * step // steps))
        return optimizer, course


@hookimpl
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register ``$name``."""
    register(Steps())
