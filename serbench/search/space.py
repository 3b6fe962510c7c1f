"""What a study searches: learning rate, freeze depth, the width of every augmentation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from serbench.errors import UnknownNameError, UsageError
from serbench.model.ranges import Range

if TYPE_CHECKING:
    from serbench.model.augment import Augmentation

LEARNING_RATE = "learning_rate"
FREEZE_DEPTH = "freeze_depth"
WIDTH = "width:"

Bounds = Mapping[str, tuple[float, float]]
"""Parameter name → lowest and highest value; equal where it is not to be searched."""


@dataclass(frozen=True)
class Configuration:
    """One point of the search space.

    Attributes:
        learning_rate: the highest of the schedule's course.
        freeze_depth: how many stages are held still, from the input on.
        widths: augmentation name → width.
    """

    learning_rate: float
    freeze_depth: int
    widths: Mapping[str, float]

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Configuration:
        """The configuration that flat trial parameters stand for."""
        return cls(
            learning_rate=float(parameters[LEARNING_RATE]),
            freeze_depth=int(parameters[FREEZE_DEPTH]),
            widths={
                _augmentation(name): float(value)
                for name, value in parameters.items()
                if name.startswith(WIDTH)
            },
        )


@dataclass(frozen=True)
class SearchSpace:
    """The intervals a study explores and the paper's point in them.

    Attributes:
        learning_rates: what the scheduler declares, or narrower.
        freeze_depths: whole numbers of stages.
        widths: augmentation name → what it declares, or narrower.
    """

    learning_rates: Range
    freeze_depths: Range
    widths: Mapping[str, Range]

    def distributions(self) -> dict[str, BaseDistribution]:
        """The space in Optuna's terms."""
        rates, depths = self.learning_rates, self.freeze_depths
        return {
            LEARNING_RATE: FloatDistribution(rates.low, rates.high, log=rates.log),
            FREEZE_DEPTH: IntDistribution(int(depths.low), int(depths.high)),
            **{
                WIDTH + name: FloatDistribution(width.low, width.high, log=width.log)
                for name, width in self.widths.items()
            },
        }

    def initial(self) -> dict[str, float]:
        """The paper's configuration, the first trial of every study."""
        return {
            LEARNING_RATE: self.learning_rates.initial,
            FREEZE_DEPTH: int(self.freeze_depths.initial),
            **{WIDTH + name: width.initial for name, width in self.widths.items()},
        }

    def step(
        self, start: Mapping[str, float], drawn: Mapping[str, float], random: np.random.Generator
    ) -> dict[str, float]:
        """A configuration near ``start``: half the way to ``drawn`` in two parameters.

        The learning rate is always one of them: nothing else matters as much (Bengio 2012,
        "Practical Recommendations for Gradient-Based Training of Deep Architectures").
        """
        others = [
            name
            for name, values in self.distributions().items()
            if name != LEARNING_RATE and not values.single()
        ]
        configuration = dict(start)
        for name in [LEARNING_RATE, *random.permutation(others)[:1]]:
            configuration[str(name)] = self._between(str(name), start[name], drawn[name])
        return configuration

    def _between(self, name: str, first: float, second: float) -> float:
        if name == FREEZE_DEPTH:
            return (int(first) + int(second)) // 2
        range_ = self.learning_rates if name == LEARNING_RATE else self.widths[_augmentation(name)]
        middle = math.sqrt(first * second) if range_.log else (first + second) / 2
        return min(max(middle, range_.low), range_.high)


def search_space(
    learning_rates: Range,
    n_stages: int,
    initial_freeze_depth: int,
    augmentations: Sequence[Augmentation],
    bounds: Bounds | None = None,
) -> SearchSpace:
    """The space that these plugins declare, with other bounds where they are given.

    Args:
        learning_rates: what the scheduler declares.
        n_stages: how many stages there are to freeze.
        initial_freeze_depth: what the paper froze.
        augmentations: each with its widths.
        bounds: of some parameters; depths beyond the last stage mean that one. A value of the
            paper's that lies outside moves to the nearer bound.

    Raises:
        UsageError: bounds of something that is not searched, or wider than a plugin allows.
    """
    check_bounds(bounds or {}, augmentations)
    ranges = {
        LEARNING_RATE: learning_rates,
        FREEZE_DEPTH: Range(0, n_stages, initial_freeze_depth),
        **{WIDTH + augmentation.name: augmentation.widths for augmentation in augmentations},
    }
    for name, (low, high) in (bounds or {}).items():
        if name == FREEZE_DEPTH:
            low, high = min(low, n_stages), min(high, n_stages)
        ranges[name] = _bounded(ranges[name], low, high)
    widths = {
        augmentation.name: ranges[WIDTH + augmentation.name] for augmentation in augmentations
    }
    return SearchSpace(ranges[LEARNING_RATE], ranges[FREEZE_DEPTH], widths)


def check_bounds(bounds: Bounds, augmentations: Sequence[Augmentation]) -> None:
    """Meet bounds that no search can keep.

    Raises:
        UsageError: bounds of something that is not searched, or wider than a plugin allows.
    """
    widths = {WIDTH + augmentation.name: augmentation.widths for augmentation in augmentations}
    for name, (low, high) in bounds.items():
        if name in (LEARNING_RATE, FREEZE_DEPTH):
            continue
        if name not in widths:
            searched = [augmentation.name for augmentation in augmentations]
            raise UnknownNameError("searched augmentation", _augmentation(name), searched)
        allowed = widths[name]
        if low < allowed.low or high > allowed.high:
            raise UsageError(
                f"width of {_augmentation(name)}: {low:g} to {high:g} is not within its "
                f"{allowed.low:g} to {allowed.high:g}"
            )


def _bounded(range_: Range, low: float, high: float) -> Range:
    return replace(range_, low=low, high=high, initial=min(max(range_.initial, low), high))


def _augmentation(name: str) -> str:
    return name.removeprefix(WIDTH)
