"""What a study is: plain data that names everything, and the study file it may come from."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from serbench.data.clips import ClipFormat
from serbench.data.protocols import parse_protocol
from serbench.errors import SerbenchError, StudyFileError
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
from serbench.model.weights import file_identity
from serbench.search.space import Bounds


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

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyPlan:
        """The plan that ``as_dict`` wrote."""
        values = dict(data)
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
        if self.weights not in (DEFAULT_WEIGHTS, NO_WEIGHTS):
            identity["weights"] = file_identity(self.weights)
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class StudyFile(BaseModel):
    """A study file: the options of ``serbench study run`` in TOML, all of them optional."""

    model_config = ConfigDict(extra="forbid", strict=True)

    backbone: str | None = None
    dataset: str | None = None
    front_end: str | None = None
    schedule: str | None = None
    protocol: str | None = None
    weights: str | None = None
    trials: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=2)
    seed: int | None = Field(None, ge=0)
    timeout: float | None = Field(None, gt=0)

    @field_validator("protocol")
    @classmethod
    def _known_protocol(cls, text: str | None) -> str | None:
        try:
            return parse_protocol(text).name if text is not None else None
        except SerbenchError as error:
            raise ValueError(str(error)) from error


def read_study_file(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a study file sets.

    Args:
        path: a TOML file.
        known: option name → registry of the names it may take.

    Raises:
        StudyFileError: every mistake at once: syntax, unknown keys, wrong values, unknown names.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyFileError(path, [f"cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyFileError(path, [f"is not valid TOML ({error})"]) from error
    mistakes: list[str] = []
    options: dict[str, Any] = {}
    try:
        options = StudyFile.model_validate(data).model_dump(exclude_unset=True)
    except ValidationError as error:
        mistakes += [_mistake(details) for details in error.errors()]
    for option, registry in known.items():
        if isinstance(data.get(option), str):
            try:
                registry.get(data[option])
            except SerbenchError as error:
                mistakes.append(f"{option}: {error}")
    if mistakes:
        raise StudyFileError(path, mistakes)
    return options


def _mistake(details: Any) -> str:
    where = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return f"{where}: no such setting (known: {', '.join(StudyFile.model_fields)})"
    return f"{where}: {details['msg'].removeprefix('Value error, ')}"
