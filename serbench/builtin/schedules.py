"""The paper's two schedules, cosine, and constant; all with Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
)

from serbench import hookimpl
from serbench.model.ranges import Range
from serbench.model.schedule import Scheduler

RISE = 10
"""The paper's one-cycle starts at a tenth of its highest learning rate: 0.0001 to 0.001."""

Parameters = Iterable[nn.Parameter]
Course = Callable[[Optimizer, float, int], LRScheduler]


@dataclass(frozen=True)
class AdamCourse:
    """Adam, and a course its learning rate takes."""

    name: str
    course: Course
    learning_rates: Range = field(default_factory=lambda: Range(1e-4, 1e-2, initial=1e-3, log=True))

    def build(
        self, parameters: Parameters, learning_rate: float, steps: int
    ) -> tuple[Optimizer, LRScheduler]:
        """Adam and its course over ``steps`` batches."""
        optimizer = Adam(parameters, lr=learning_rate)
        return optimizer, self.course(optimizer, learning_rate, steps)


def half_cycle(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Straight down to zero: one-cycle without its rise."""
    return LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps)


def one_cycle(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Up from a tenth and straight down again (Smith and Topin 2018); momentum stays."""
    return OneCycleLR(
        optimizer,
        max_lr=learning_rate,
        total_steps=max(steps + 1, 4),
        anneal_strategy="linear",
        div_factor=RISE,
        cycle_momentum=False,
    )


def cosine(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Down along half a cosine (Loshchilov and Hutter 2017)."""
    return CosineAnnealingLR(optimizer, T_max=steps)


def constant(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """No change."""
    return LambdaLR(optimizer, lambda step: 1.0)


@hookimpl
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register the four."""
    for name, course in {
        "half-cycle": half_cycle,
        "one-cycle": one_cycle,
        "cosine": cosine,
        "constant": constant,
    }.items():
        register(AdamCourse(name, course))
