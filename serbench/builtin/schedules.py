"""The paper's two schedules, cosine, and constant; all with AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import nn
from torch.optim import AdamW, Optimizer
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
"""The one-cycle schedule starts at a tenth of its highest learning rate (paper: 0.0001 to
0.001)."""

Parameters = Iterable[nn.Parameter]
MakeSchedule = Callable[[Optimizer, float, int], LRScheduler]


@dataclass(frozen=True)
class AdamSchedule:
    """AdamW with a schedule of its learning rate.

    It decays weights apart from the gradient (Loshchilov and Hutter, "Decoupled Weight Decay
    Regularization", 2019). Without weight decay, the initial value, it equals the paper's Adam.
    """

    name: str
    schedule: MakeSchedule
    learning_rates: Range = field(default_factory=lambda: Range(1e-4, 1e-2, initial=1e-3, log=True))
    weight_decays: Range = field(default_factory=lambda: Range(0.0, 0.3, initial=0.0))

    def build(
        self, parameters: Parameters, learning_rate: float, steps: int, weight_decay: float = 0.0
    ) -> tuple[Optimizer, LRScheduler]:
        """AdamW and its schedule over ``steps`` batches."""
        optimizer = AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
        return optimizer, self.schedule(optimizer, learning_rate, steps)


def half_cycle(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Linear decrease to 0: the second half of one-cycle."""
    return LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps)


def one_cycle(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Linear increase and decrease (Smith and Topin 2018) with constant momentum."""
    return OneCycleLR(
        optimizer,
        max_lr=learning_rate,
        total_steps=max(steps + 1, 4),
        anneal_strategy="linear",
        div_factor=RISE,
        cycle_momentum=False,
    )


def cosine(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Decrease along half a cosine (Loshchilov and Hutter 2017)."""
    return CosineAnnealingLR(optimizer, T_max=steps)


def constant(optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """A constant learning rate."""
    return LambdaLR(optimizer, lambda step: 1.0)


@hookimpl
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register the four schedules."""
    for name, schedule in {
        "half-cycle": half_cycle,
        "one-cycle": one_cycle,
        "cosine": cosine,
        "constant": constant,
    }.items():
        register(AdamSchedule(name, schedule))
