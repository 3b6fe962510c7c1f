"""The plan of a study: plain data with the names of all its parts."""

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
"""Parameter name → lowest and highest value; both are equal if it is not searched."""

BUDGET = frozenset({"trials", "timeout"})
"""Options that limit the length of a study. With a larger budget the same study continues."""

WITHOUT_TRAINING: Mapping[str, Any] = {
    "schedule": "",
    "objective": "",
    "augmentations": (),
    "epochs": 0,
    "batch_size": 0,
}
"""What a plan contains of a training where the head is fitted in one step instead."""


@dataclass(frozen=True)
class StudyPlan:
    """Everything that determines the outcome of a study, except the recordings themselves.

    Attributes:
        backbone: name of a registered backbone.
        dataset: name of a scanned dataset.
        dataset_hash: hash of its manifest.
        front_end: name of a registered front end.
        schedule: name of a registered scheduler.
        protocol: name of the protocol, such as ``speaker-5``.
        weights: ``default``, ``none`` or the path of a file.
        trials: number of configurations to try.
        epochs: largest number of epochs of each training; 0 where the head is fitted in one step.
        batch_size: number of clips in one step.
        seed: seed of the search and of all trainings; the protocol has a seed of its own.
        timeout: seconds of training after which no further trial starts, or None.
        clip_format: rate, length, level and padding of the clips.
        augmentations: names of the augmentations whose widths are searched, or fixed with views.
        views: number of augmented views of each training clip; 0 for none.
        bounds: bounds of searched parameters that differ from those of the plugins.
        head: name of a registered head.
        readouts: what the head may receive of the backbone, as `ReadOut` describes it; the initial
            one first.
        objective: name of a registered objective.
        outer_fold: number of the outer fold of this search, from 0.
        exhaustive: whether no configuration and no training is pruned.
        precision: ``fp32`` or ``bf16`` if the user chose it, None if speed tuning chooses it.
        threads: number of threads of one training, or None if speed tuning chooses it.
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
    views: int = 0
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
        """The plan of the search in another outer fold."""
        return replace(self, outer_fold=number)

    @property
    def root_seed(self) -> int:
        """The seed of all seeds of this outer fold; for the first one it is that of the study."""
        return (
            derive_seed(self.seed, "outer fold", self.outer_fold) if self.outer_fold else self.seed
        )

    @cached_property
    def recipe(self) -> Recipe:
        """The components of its networks, with the initial read-out; files by their identity.

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
            views=self.views,
        )

    def recipe_of(self, configuration: Configuration) -> Recipe:
        """What the network of a configuration is made of.

        Raises:
            WeightsError: the weights file is missing.
        """
        return replace(self.recipe, readout=configuration.readout)

    def trained_recipe(self, configuration: Configuration) -> Recipe:
        """What a trained network of a configuration is made of.

        Its weights are stored, so that the file with the initial weights may be missing.
        """
        return replace(self, weights=NO_WEIGHTS).recipe_of(configuration)

    def weights_files(self) -> dict[str, str]:
        """Identity of the weights file → its path; empty if no file is named.

        Raises:
            WeightsError: the weights file is missing.
        """
        if self.weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
            return {}
        return {file_identity(self.weights): self.weights}

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the database."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyPlan:
        """The plan from the data of ``as_dict``."""
        values = dict(data)
        values["clip_format"] = ClipFormat(**values["clip_format"])
        values["augmentations"] = tuple(values["augmentations"])
        values["readouts"] = tuple(values["readouts"])
        values["bounds"] = {name: (low, high) for name, (low, high) in values["bounds"].items()}
        return cls(**values)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The identity of the study as plain data: two plans with the same identity are one study.

        It contains the content of the dataset and of a weights file, not their names. The budget is
        not part of it, since no trial depends on the number of later trials.

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
