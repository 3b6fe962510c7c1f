"""Recipes and configurations: the parts of a network and the options of its training, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from serbench.data.clips import ClipFormat

Parameter = float | str
"""Value of a searched parameter: a number, or one of several choices."""

LEARNING_RATE = "learning_rate"
WEIGHT_DECAY = "weight_decay"
FREEZE_DEPTH = "freeze_depth"
READOUT = "readout"
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
        readout: what the head receives of the backbone, as `ReadOut` describes it.
        weights: ``default``, ``none``, or the identity of a file (``file:NAME:DIGITS``).
        clip_format: rate, length, level and padding of the clips.
        augmentations: names of the augmentations; a configuration has their widths.
        views: number of augmented views of each training clip beside the clean one, for a head on
            a frozen backbone; 0 to augment anew in each epoch.
        epochs: greatest number of epochs.
        batch_size: number of clips in one step.
    """

    backbone: str
    front_end: str
    schedule: str
    head: str
    objective: str
    readout: str
    weights: str
    clip_format: ClipFormat
    augmentations: tuple[str, ...]
    epochs: int
    batch_size: int
    views: int = 0


@dataclass(frozen=True)
class Configuration:
    """One point of the search space.

    A head that is fitted on frozen features has neither learning rate nor weight decay, and its
    whole backbone is frozen.

    Attributes:
        readout: what the head receives of the backbone, as `ReadOut` describes it.
        learning_rate: highest learning rate of the schedule.
        weight_decay: decoupled from the gradient, as in AdamW.
        freeze_depth: number of frozen stages, from the input on.
        widths: augmentation name → width.
        head: parameter of the head → value.
        objective: parameter of the objective → value.
    """

    readout: str
    learning_rate: float = 0.0
    weight_decay: float = 0.0
    freeze_depth: int = 0
    widths: Mapping[str, float] = field(default_factory=dict)
    head: Mapping[str, float] = field(default_factory=dict)
    objective: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Parameter]) -> Configuration:
        """The configuration with the flat parameters of a trial."""

        def of(prefix: str) -> dict[str, float]:
            return {
                name.removeprefix(prefix): float(value)
                for name, value in parameters.items()
                if name.startswith(prefix)
            }

        return cls(
            readout=str(parameters[READOUT]),
            learning_rate=float(parameters.get(LEARNING_RATE, 0.0)),
            weight_decay=float(parameters.get(WEIGHT_DECAY, 0.0)),
            freeze_depth=int(parameters.get(FREEZE_DEPTH, 0)),
            widths=of(WIDTH),
            head=of(HEAD),
            objective=of(OBJECTIVE),
        )
