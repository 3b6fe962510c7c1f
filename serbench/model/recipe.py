"""Recipes and configurations: the parts of a network and the options of its training, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from serbench.data.clips import ClipFormat

LEARNING_RATE = "learning_rate"
FREEZE_DEPTH = "freeze_depth"
WIDTH = "width:"
HEAD = "head:"
OBJECTIVE = "objective:"
"""Names of searched parameters, and prefixes of those of augmentations, heads and objectives."""


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training except its configuration, clips and seed.

    Attributes:
        backbone: name of a registered backbone.
        front_end: name of a registered front end.
        schedule: name of a registered scheduler.
        head: name of a registered head.
        objective: name of a registered objective.
        weights: ``default``, ``none``, or the identity of a file (``file:NAME:DIGITS``).
        clip_format: rate, length, level and padding of the clips.
        augmentations: names of the augmentations; a configuration has their widths.
        epochs: greatest number of epochs.
        batch_size: number of clips in one step.
    """

    backbone: str
    front_end: str
    schedule: str
    head: str
    objective: str
    weights: str
    clip_format: ClipFormat
    augmentations: tuple[str, ...]
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class Configuration:
    """One point of the search space.

    Attributes:
        learning_rate: highest learning rate of the schedule.
        freeze_depth: number of frozen stages, from the input on.
        widths: augmentation name → width.
        head: parameter of the head → value.
        objective: parameter of the objective → value.
    """

    learning_rate: float
    freeze_depth: int
    widths: Mapping[str, float] = field(default_factory=dict)
    head: Mapping[str, float] = field(default_factory=dict)
    objective: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Configuration:
        """The configuration with the flat parameters of a trial."""

        def of(prefix: str) -> dict[str, float]:
            return {
                name.removeprefix(prefix): float(value)
                for name, value in parameters.items()
                if name.startswith(prefix)
            }

        return cls(
            learning_rate=float(parameters[LEARNING_RATE]),
            freeze_depth=int(parameters[FREEZE_DEPTH]),
            widths=of(WIDTH),
            head=of(HEAD),
            objective=of(OBJECTIVE),
        )
