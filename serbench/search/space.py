"""The search space: read-out, learning rate, freeze depth, widths, parameters of the head."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from serbench.errors import UnknownNameError, UsageError
from serbench.execute.networks import build_network
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.ranges import Choice, Range, Searched
from serbench.model.readout import ReadOut
from serbench.model.recipe import (
    FREEZE_DEPTH,
    HEAD,
    LEARNING_RATE,
    OBJECTIVE,
    READOUT,
    WEIGHT_DECAY,
    WIDTH,
    Configuration,
    Parameter,
)
from serbench.search.optuna_trials import distributions_of
from serbench.search.plan import Bounds, StudyPlan

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from serbench.model.augment import Augmentation
    from serbench.model.schedule import Scheduler
    from serbench.plugins import Plugins


@dataclass(frozen=True)
class SearchSpace:
    """The ranges and choices that a study searches.

    Attributes:
        ranges: parameter name → range or choice; ``readout``, then ``learning_rate``,
            ``weight_decay``, ``freeze_depth`` as a number of stages, ``width:AUGMENTATION``,
            ``head:PARAMETER`` and ``objective:PARAMETER``. A head that is fitted has only
            ``readout`` and its own parameters.
        stages: read-out → number of stages of the backbone, cut after its last tap.
        taps: taps that the read-outs use, from the input on.
        mixed: whether the objective mixes clips, which changes the features in each epoch.
        views: whether clips are augmented once, so that their features can be kept.
    """

    ranges: Mapping[str, Searched]
    stages: Mapping[str, int]
    taps: tuple[str, ...] = ()
    mixed: bool = False
    views: bool = False

    def distributions(self) -> dict[str, BaseDistribution]:
        """The ranges and choices as Optuna's distributions."""
        return distributions_of(self.ranges)

    def initial(self) -> dict[str, Parameter]:
        """The initial values, which the first trial of every study has."""
        return {
            name: int(each.initial) if name == FREEZE_DEPTH else each.initial
            for name, each in self.ranges.items()
        }

    @property
    def always_frozen(self) -> bool:
        """Whether every configuration freezes the whole backbone."""
        depths = self.ranges.get(FREEZE_DEPTH)
        return depths is None or (
            isinstance(depths, Range) and depths.low >= max(self.stages.values())
        )

    @property
    def features_suffice(self) -> bool:
        """Whether nothing below the head changes in any training of the study.

        Every training then uses features that are computed once.
        """
        augmented = any(
            isinstance(each, Range) and each.high > 0
            for name, each in self.ranges.items()
            if name.startswith(WIDTH)
        )
        return self.always_frozen and (self.views or not augmented) and not self.mixed

    def freezes_everything(self, configuration: Configuration) -> bool:
        """Whether a configuration freezes the whole backbone."""
        stages = self.stages[configuration.readout]
        return LEARNING_RATE not in self.ranges or configuration.freeze_depth >= stages

    def step(
        self,
        start: Mapping[str, Parameter],
        drawn: Mapping[str, Parameter],
        random: np.random.Generator,
    ) -> dict[str, Parameter]:
        """A configuration near ``start``: two parameters move half of the distance to ``drawn``.

        A choice takes the drawn value. The learning rate, where there is one, is always one of the
        two, since it is the most important one (Bengio 2012, "Practical Recommendations for
        Gradient-Based Training of Deep Architectures").
        """
        first = [LEARNING_RATE] if LEARNING_RATE in self.ranges else []
        others = [
            name
            for name, values in self.distributions().items()
            if name not in first and not values.single()
        ]
        moved = dict(start)
        for name in [*first, *map(str, random.permutation(others))][:2]:
            moved[name] = self._between(name, start[name], drawn[name])
        return moved

    def _between(self, name: str, first: Parameter, second: Parameter) -> Parameter:
        range_ = self.ranges[name]
        if isinstance(range_, Choice):
            return second
        if name == FREEZE_DEPTH:
            return (int(first) + int(second)) // 2
        one, two = float(first), float(second)
        middle = math.sqrt(one * two) if range_.log else (one + two) / 2
        return min(max(middle, range_.low), range_.high)


def space_of(plan: StudyPlan, plugins: Plugins, n_classes: int) -> SearchSpace:
    """The search space of a plan's backbone, schedule, augmentations, head and objective.

    Stages of a network that starts from random weights are never frozen.

    Raises:
        SerbenchError: a name is unknown, weights are not available, bounds are not possible, a head
            is to be fitted on features of random weights, or views are asked for where features
            cannot be kept.
    """
    import torch

    backbone, head = plugins.backbones.get(plan.backbone), plugins.heads.get(plan.head)
    readouts = [ReadOut.parse(text, backbone.taps) for text in plan.readouts]
    taps = tuple(tap for tap in backbone.taps if any(tap in readout.taps for readout in readouts))
    named = {readout.text(backbone.taps): readout for readout in readouts}
    every_tap = replace(readouts[0], taps=taps, weighted=False).text(backbone.taps)
    with torch.random.fork_rng():
        network, weights = build_network(
            replace(plan.recipe, readout=every_tap),
            plugins,
            n_classes,
            plan.weights_files(),
            seed=0,
        )
    by_readout = {
        text: len(backbone.stages(backbone.cut(copy.deepcopy(network.backbone), readout.taps)))
        for text, readout in named.items()
    }
    stages = max(by_readout.values())
    choice = {READOUT: Choice(tuple(named))}
    own = {HEAD + name: range_ for name, range_ in head.ranges.items()}
    pretrained = weights != NO_WEIGHTS
    augmentations = [plugins.augmentations.get(name) for name in plan.augmentations]
    of_frames = [each.name for each in augmentations if each.acts_on == "frames"]
    if of_frames and not plan.views:
        raise UsageError(
            f"{', '.join(of_frames)} changes frames of a frozen backbone, which is possible in "
            "views only: add --views 2, or leave it out of --augmentations",
            augmentations=tuple(of_frames),
        )
    if plan.views:
        own |= {WIDTH + each.name: _fixed(each, plan.bounds) for each in augmentations}
    if head.is_fitted:
        if stages and not pretrained:
            raise UsageError(
                f"head {head.name} is fitted on features of a frozen backbone, but "
                f"{plan.backbone} would begin with random weights: give --weights, or another "
                "--head, such as linear",
                head=head.name,
                backbone=plan.backbone,
            )
        searched = within({**choice, **own}, plan.bounds, stages)
        return SearchSpace(searched, by_readout, taps, views=plan.views > 0)
    deepest = stages if pretrained else 0
    objective = plugins.objectives.get(plan.objective)
    declared = backbone.freeze_depths(network.backbone)
    low, high, first = (
        min(each, deepest) for each in (declared.low, declared.high, declared.initial)
    )
    ranges = training_ranges(
        plugins.schedulers.get(plan.schedule),
        Range(low, high, first),
        augmentations,
        objective.ranges,
    )
    searched = within({**choice, **ranges, **own}, plan.bounds, deepest)
    mixed = objective.acts_on is not None
    space = SearchSpace(searched, by_readout, taps, mixed, plan.views > 0)
    if plan.views and not space.features_suffice:
        raise UsageError(
            f"--views needs a wholly frozen backbone and an objective that mixes no clips, but "
            f"{plan.backbone} is trained with {plan.objective}: give --head logistic, or write "
            "freeze_depth = 99 below [search] in a study file, or leave out --views",
            backbone=plan.backbone,
            objective=plan.objective,
            views=plan.views,
        )
    return space


def _fixed(augmentation: Augmentation, bounds: Bounds) -> Range:
    """The width of an augmentation in views: given, initial, or half of its highest.

    Raises:
        UsageError: the bounds contain more than one width, or the width is 0.
    """
    widths = augmentation.widths
    usual = widths.initial or widths.high / 2
    if WIDTH + augmentation.name not in bounds:
        return Range(usual, usual, usual)
    low, high = bounds[WIDTH + augmentation.name]
    if low != high or low == 0:
        raise UsageError(
            f"views have a fixed width of {augmentation.name} above 0: write one number, such as "
            f"{augmentation.name} = {usual:g}, below [search.widths]",
            augmentation=augmentation.name,
            bounds=(low, high),
        )
    return widths


def training_ranges(
    scheduler: Scheduler,
    depths: Range,
    augmentations: Sequence[Augmentation],
    objective: Mapping[str, Range],
) -> dict[str, Searched]:
    """The ranges of a training by gradient descent, apart from those of read-out and head.

    Args:
        scheduler: with its learning rates and weight decays.
        depths: numbers of frozen stages.
        augmentations: augmentations with their widths.
        objective: ranges of the parameters of the objective.
    """
    return {
        LEARNING_RATE: scheduler.learning_rates,
        WEIGHT_DECAY: scheduler.weight_decays,
        FREEZE_DEPTH: depths,
        **{WIDTH + augmentation.name: augmentation.widths for augmentation in augmentations},
        **{OBJECTIVE + name: range_ for name, range_ in objective.items()},
    }


def within(ranges: Mapping[str, Searched], bounds: Bounds, stages: int) -> dict[str, Searched]:
    """The ranges with the bounds of the study where these are given.

    A freeze depth greater than the number of stages means all stages. An initial value outside the
    bounds is moved to the nearer bound.

    Raises:
        UsageError: bounds are given for something that is not searched, or exceed the range that a
            plugin allows.
    """
    bounded = dict(ranges)
    for name, (low, high) in bounds.items():
        range_ = ranges.get(name)
        if not isinstance(range_, Range):
            raise UnknownNameError("searched parameter", name, list(ranges))
        if name == FREEZE_DEPTH:
            low, high = min(low, stages), min(high, stages)
        elif name != LEARNING_RATE and (low < range_.low or high > range_.high):
            raise UsageError(
                f"{name.replace(':', ' of ')}: {low:g} to {high:g} is not within its "
                f"{range_.low:g} to {range_.high:g}",
                parameter=name,
                bounds=(low, high),
            )
        initial = min(max(range_.initial, low), high)
        bounded[name] = replace(range_, low=low, high=high, initial=initial)
    return bounded
