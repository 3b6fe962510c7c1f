"""What a study is: plain data that names everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from serbench.data.clips import ClipFormat
from serbench.data.seeds import derive_seed
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
from serbench.model.recipe import Configuration, Recipe
from serbench.model.weights import file_identity

Bounds = Mapping[str, tuple[float, float]]
"""Parameter name → lowest and highest value; equal where it is not to be searched."""


BUDGET = frozenset({"trials", "timeout"})
"""How long a study goes on. With a larger budget it is the same study, which continues."""


@dataclass(frozen=True)
class StudyPlan:
    """Everything that decides a study's outcome, but for the recordings themselves.

    Attributes:
        backbone: name of a registered backbone.
        dataset: name of a scanned dataset.
        dataset_hash: hash of its manifest.
        front_end: name of a registered front end.
        schedule: name of a registered scheduler.
        protocol: as typed, such as ``speaker-5``.
        weights: ``default``, ``none`` or the path of a file.
        trials: configurations to try.
        epochs: at most this many for each training; 0 where the head is fitted in one step.
        batch_size: clips in one step.
        seed: of the search and of all trainings; the protocol has its own.
        timeout: seconds of training after which no further trial starts, or None.
        clip_format: rate, length, level and padding of the clips.
        augmentations: names of the augmentations searched.
        bounds: of searched parameters, where they are not what the plugins declare.
        head: name of a registered head.
        readouts: what the head may receive of the backbone, as `ReadOut` describes it; the initial
            one first.
        objective: name of a registered objective.
        outer_fold: which of the protocol's outer folds this search belongs to, from 0.
        exhaustive: whether no configuration and no training is pruned.
        precision: ``fp32`` or ``bf16`` where the user chose, None where speed tuning does.
        threads: that one training uses, likewise.
    """

    backbone: str
    dataset: str
    dataset_hash: str
    front_end: str
    schedule: str
    protocol: str
    weights: str
    trials: int
    epochs: int
    batch_size: int
    seed: int
    timeout: float | None
    clip_format: ClipFormat
    readouts: tuple[str, ...]
    augmentations: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=dict)
    head: str = "linear"
    objective: str = "cross-entropy"
    outer_fold: int = 0
    exhaustive: bool = False
    precision: str | None = None
    threads: int | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether its head is fitted in one step instead of being trained in epochs."""
        return self.epochs == 0

    def of_outer_fold(self, number: int) -> StudyPlan:
        """The same search on the part of the dataset that another outer fold leaves to it."""
        return replace(self, outer_fold=number)

    @property
    def root_seed(self) -> int:
        """The seed that all others of this outer fold come from; the first's is the study's."""
        return (
            derive_seed(self.seed, "outer fold", self.outer_fold) if self.outer_fold else self.seed
        )

    @cached_property
    def recipe(self) -> Recipe:
        """What its networks are made of, with the initial read-out; weights by their identity.

        Raises:
            WeightsError: the weights file is missing.
        """
        return Recipe(
            backbone=self.backbone,
            front_end=self.front_end,
            schedule=self.schedule,
            head=self.head,
            objective=self.objective,
            readout=self.readouts[0],
            weights=next(iter(self.weights_files()), self.weights),
            clip_format=self.clip_format,
            augmentations=self.augmentations,
            epochs=self.epochs,
            batch_size=self.batch_size,
        )

    def recipe_of(self, configuration: Configuration) -> Recipe:
        """What the network of a configuration is made of.

        Raises:
            WeightsError: the weights file is missing.
        """
        return replace(self.recipe, readout=configuration.readout)

    def weights_files(self) -> dict[str, str]:
        """Identity of the weights file → its path; empty where none is named.

        Raises:
            WeightsError: it is missing.
        """
        if self.weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
            return {}
        return {file_identity(self.weights): self.weights}

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyPlan:
        """The plan that ``as_dict`` wrote."""
        values = dict(data)
        values["clip_format"] = ClipFormat(**values["clip_format"])
        values["augmentations"] = tuple(values["augmentations"])
        values["readouts"] = tuple(values["readouts"])
        values["bounds"] = {name: (low, high) for name, (low, high) in values["bounds"].items()}
        return cls(**values)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What makes it this study and no other, as plain data.

        Of the dataset and of a weights file the content counts, not the name. The budget does not
        count: no trial depends on how many follow it.

        Raises:
            WeightsError: the weights file is missing.
        """
        named = BUDGET | {"dataset"}
        identity = {name: value for name, value in self.as_dict().items() if name not in named}
        return {**identity, "weights": self.recipe.weights}

    @cached_property
    def key(self) -> str:
        """A hash of the study's identity: the same study continues where it stopped.

        Raises:
            WeightsError: the weights file is missing.
        """
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
