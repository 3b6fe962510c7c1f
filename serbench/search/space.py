"""The search space: learning rate, freeze depth, widths, parameters of head and objective."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from serbench.errors import UnknownNameError, UsageError
from serbench.execute.fold import build_network
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.ranges import Range
from serbench.model.recipe import FREEZE_DEPTH, HEAD, LEARNING_RATE, OBJECTIVE, WIDTH
from serbench.search.plan import Bounds, StudyPlan

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from serbench.model.augment import Augmentation
    from serbench.plugins import Plugins


@dataclass(frozen=True)
class SearchSpace:
    """The ranges that a study searches.

    Attributes:
        ranges: parameter name → range; ``learning_rate``, then ``freeze_depth`` as a number of
            stages, ``width:AUGMENTATION``, ``head:PARAMETER`` and ``objective:PARAMETER``.
    """

    ranges: Mapping[str, Range]

    def distributions(self) -> dict[str, BaseDistribution]:
        """The ranges as Optuna's distributions."""
        from optuna.distributions import FloatDistribution, IntDistribution

        return {
            name: IntDistribution(int(range_.low), int(range_.high))
            if name == FREEZE_DEPTH
            else FloatDistribution(range_.low, range_.high, log=range_.log)
            for name, range_ in self.ranges.items()
        }

    def initial(self) -> dict[str, float]:
        """The initial values, which the first trial of every study has."""
        return {
            name: int(range_.initial) if name == FREEZE_DEPTH else range_.initial
            for name, range_ in self.ranges.items()
        }

    def step(
        self, start: Mapping[str, float], drawn: Mapping[str, float], random: np.random.Generator
    ) -> dict[str, float]:
        """A configuration near ``start``: two parameters move half of the distance to ``drawn``.

        The learning rate is always one of them, since it is the most important one (Bengio 2012,
        "Practical Recommendations for Gradient-Based Training of Deep Architectures").
        """
        others = [
            name
            for name, values in self.distributions().items()
            if name != LEARNING_RATE and not values.single()
        ]
        moved = dict(start)
        for name in [LEARNING_RATE, *random.permutation(others)[:1]]:
            moved[str(name)] = self._between(str(name), start[name], drawn[name])
        return moved

    def _between(self, name: str, first: float, second: float) -> float:
        if name == FREEZE_DEPTH:
            return (int(first) + int(second)) // 2
        range_ = self.ranges[name]
        middle = math.sqrt(first * second) if range_.log else (first + second) / 2
        return min(max(middle, range_.low), range_.high)


def space_of(plan: StudyPlan, plugins: Plugins, n_classes: int) -> SearchSpace:
    """The search space of a plan's backbone, schedule, augmentations, head and objective.

    Stages of a network that starts from random weights are never frozen.

    Raises:
        SerbenchError: a name is unknown, weights are not available, or bounds are not possible.
    """
    import torch

    with torch.random.fork_rng():
        network, weights = build_network(
            plan.recipe, plugins, n_classes, plan.weights_files(), seed=0
        )
    backbone = plugins.backbones.get(plan.backbone)
    pretrained = weights != NO_WEIGHTS
    return search_space(
        plugins.schedulers.get(plan.schedule).learning_rates,
        len(backbone.stages(network.backbone)) if pretrained else 0,
        backbone.initial_freeze_depth(network.backbone) if pretrained else 0,
        [plugins.augmentations.get(name) for name in plan.augmentations],
        plan.bounds,
        plugins.heads.get(plan.head).ranges,
        plugins.objectives.get(plan.objective).ranges,
    )


def search_space(
    learning_rates: Range,
    n_stages: int,
    initial_freeze_depth: int,
    augmentations: Sequence[Augmentation],
    bounds: Bounds | None = None,
    head: Mapping[str, Range] | None = None,
    objective: Mapping[str, Range] | None = None,
) -> SearchSpace:
    """The space that plugins declare, with the bounds of the study where these are given.

    Args:
        learning_rates: range of the scheduler.
        n_stages: number of stages that can be frozen.
        initial_freeze_depth: number of stages that are frozen in the first trial.
        augmentations: augmentations with their widths.
        bounds: bounds of some parameters. A freeze depth greater than the number of stages means
            all stages. An initial value outside the bounds is moved to the nearer bound.
        head: ranges of the parameters of the head.
        objective: ranges of the parameters of the objective.

    Raises:
        UsageError: bounds are given for something that is not searched, or exceed the range that a
            plugin allows.
    """
    check_bounds(bounds or {}, augmentations)
    ranges = {
        LEARNING_RATE: learning_rates,
        FREEZE_DEPTH: Range(0, n_stages, initial_freeze_depth),
        **{WIDTH + augmentation.name: augmentation.widths for augmentation in augmentations},
        **{HEAD + name: range_ for name, range_ in (head or {}).items()},
        **{OBJECTIVE + name: range_ for name, range_ in (objective or {}).items()},
    }
    for name, (low, high) in (bounds or {}).items():
        if name == FREEZE_DEPTH:
            low, high = min(low, n_stages), min(high, n_stages)
        ranges[name] = _bounded(ranges[name], low, high)
    return SearchSpace(ranges)


def check_bounds(bounds: Bounds, augmentations: Sequence[Augmentation]) -> None:
    """Check bounds before a search.

    Raises:
        UsageError: bounds are given for something that is not searched, or exceed the range that a
            plugin allows.
    """
    widths = {WIDTH + augmentation.name: augmentation.widths for augmentation in augmentations}
    for name, (low, high) in bounds.items():
        if name in (LEARNING_RATE, FREEZE_DEPTH):
            continue
        augmentation = name.removeprefix(WIDTH)
        if name not in widths:
            searched = [each.name for each in augmentations]
            raise UnknownNameError("searched augmentation", augmentation, searched)
        allowed = widths[name]
        if low < allowed.low or high > allowed.high:
            raise UsageError(
                f"width of {augmentation}: {low:g} to {high:g} is not within its "
                f"{allowed.low:g} to {allowed.high:g}",
                augmentation=augmentation,
                bounds=(low, high),
            )


def _bounded(range_: Range, low: float, high: float) -> Range:
    return replace(range_, low=low, high=high, initial=min(max(range_.initial, low), high))
