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
from serbench.model.weights import file_identity
from serbench.search.space import Bounds

BY_FOLD, BY_TRIAL = "fold", "trial"

UNSAID: Mapping[str, Any] = {
    "outer_fold": 0,
    "exhaustive": False,
    "precision": None,
    "threads": None,
    "validation": BY_TRIAL,
}
"""What is no part of a study's identity unless it differs: older studies keep theirs."""


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
        trials: settings to try.
        epochs: at most this many for each training.
        batch_size: clips a step.
        seed: of the search and of all trainings; the protocol has its own.
        timeout: seconds of training after which no further trial starts, or None.
        clip_format: rate and length of the clips.
        augmentations: names of the augmentations searched.
        bounds: of searched parameters, where they are not what the plugins declare.
        outer fold: which of the protocol's outer folds this search belongs to, from 0.
        exhaustive: whether no configuration and no training is pruned.
        precision: ``fp32`` or ``bf16`` where the user chose, None where measuring does.
        threads: that a training shares, likewise.
        validation: ``fold`` where those who decide when to stop are drawn for each fold, so that
            all trials can be compared by them; ``trial`` where they are drawn for each trial anew,
            as older studies did.
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
    augmentations: tuple[str, ...] = field(default=())
    bounds: Bounds = field(default_factory=dict)
    outer_fold: int = 0
    exhaustive: bool = False
    precision: str | None = None
    threads: int | None = None
    validation: str = BY_FOLD

    def of_outer_fold(self, number: int) -> StudyPlan:
        """The same search on the part of the dataset that another outer fold leaves it."""
        return replace(self, outer_fold=number)

    @property
    def root_seed(self) -> int:
        """The seed that all others of this outer fold come from; the first outer fold's is the study's."""
        return derive_seed(self.seed, "round", self.outer_fold) if self.outer_fold else self.seed

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyPlan:
        """The plan that ``as_dict`` wrote."""
        values = {"validation": BY_TRIAL, **data}
        values["clip_format"] = ClipFormat(**values["clip_format"])
        values["augmentations"] = tuple(values["augmentations"])
        values["bounds"] = {
            name: (low, high) for name, (low, high) in values.get("bounds", {}).items()
        }
        return cls(**values)

    @cached_property
    def key(self) -> str:
        """The study's identity: the same plan goes on where it stopped.

        Of the dataset and of a weights file the content counts, not the name.

        Raises:
            WeightsError: the weights file is missing.
        """
        identity = {name: value for name, value in self.as_dict().items() if name != "dataset"}
        for name, usual in UNSAID.items():
            if identity[name] == usual:
                del identity[name]
        if self.weights not in (DEFAULT_WEIGHTS, NO_WEIGHTS):
            identity["weights"] = file_identity(self.weights)
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
