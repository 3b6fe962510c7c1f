"""Study files: the options of ``serbench study run`` in TOML."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from serbench.data.protocols import parse_protocol
from serbench.errors import SerbenchError, StudyFileError
from serbench.registry import Registry
from serbench.search.space import FREEZE_DEPTH, LEARNING_RATE, WIDTH


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _interval(value: object) -> object:
    """A single number is an interval of one value."""
    if isinstance(value, list):
        return tuple(value)
    return (value, value)


def _in_order(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    if not (math.isfinite(high) and 0 <= low <= high):
        raise ValueError("give one number or [lowest, highest], neither below 0")
    return interval


def _positive(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] <= 0:
        raise ValueError("must be greater than 0")
    return interval


def _known_protocol(text: str) -> str:
    try:
        return parse_protocol(text).name
    except SerbenchError as error:
        raise ValueError(str(error)) from error


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
Protocols = Annotated[
    list[Annotated[str, AfterValidator(_known_protocol)]],
    BeforeValidator(_listed),
    Field(min_length=1),
]
Interval = Annotated[tuple[float, float], BeforeValidator(_interval), AfterValidator(_in_order)]
Depths = Annotated[tuple[int, int], BeforeValidator(_interval), AfterValidator(_in_order)]


class Search(BaseModel):
    """Bounds of what is searched: one number to fix it, or ``[lowest, highest]``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    learning_rate: Annotated[Interval, AfterValidator(_positive)] | None = None
    freeze_depth: Depths | None = None
    widths: dict[str, Interval] = Field(default_factory=dict)


class StudyFile(BaseModel):
    """A study file; every configuration is optional. Lists are searched one after another."""

    model_config = ConfigDict(extra="forbid", strict=True)

    backbone: Names | None = None
    dataset: str | None = None
    front_end: str | None = None
    schedule: Names | None = None
    protocol: Protocols | None = None
    nested: int | None = Field(None, ge=2)
    weights: str | None = None
    augmentations: list[str] | None = None
    trials: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    timeout: float | None = Field(None, gt=0)
    batch_size: int | None = Field(None, ge=2)
    seed: int | None = Field(None, ge=0)
    max_latency_ms: float | None = Field(None, gt=0)
    exhaustive: bool | None = None
    precision: Literal["fp32", "bf16"] | None = None
    threads: int | None = Field(None, ge=1)
    jobs: int | None = Field(None, ge=0)
    search: Search | None = None

    def options(self) -> dict[str, Any]:
        """What the file sets, under the names of the command line's options."""
        options = self.model_dump(exclude_unset=True, exclude={"minutes", "search"})
        if self.minutes is not None:
            options["timeout"] = 60.0 * self.minutes
        if self.search is not None:
            options["bounds"] = _bounds(self.search)
        return options


def _bounds(search: Search) -> dict[str, tuple[float, float]]:
    named = {
        LEARNING_RATE: search.learning_rate,
        FREEZE_DEPTH: search.freeze_depth,
        **{WIDTH + name: interval for name, interval in search.widths.items()},
    }
    return {name: interval for name, interval in named.items() if interval is not None}


def read_study_file(path: Path, known: Mapping[str, Registry[Any]]) -> dict[str, Any]:
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
        options = StudyFile.model_validate(data).options()
    except ValidationError as error:
        mistakes += [_mistake(details) for details in error.errors()]
    if "minutes" in data and "timeout" in data:
        mistakes.append("minutes and timeout (in seconds) are one budget: give one of them")
    for place, name, registry in _names(data, known):
        try:
            registry.get(name)
        except SerbenchError as error:
            mistakes.append(f"{place}: {error}")
    if mistakes:
        raise StudyFileError(path, mistakes)
    return options


def _names(
    data: Mapping[str, Any], known: Mapping[str, Registry[Any]]
) -> Iterator[tuple[str, str, Registry[Any]]]:
    """Every name in the file that a registry should know, with its place."""
    for option, registry in known.items():
        names = _listed(data.get(option))
        if isinstance(names, list):
            yield from ((option, name, registry) for name in names if isinstance(name, str))
    search = data.get("search")
    widths = search.get("widths") if isinstance(search, dict) else None
    if isinstance(widths, dict) and "augmentations" in known:
        yield from (("search.widths", name, known["augmentations"]) for name in widths)


def _mistake(details: Any) -> str:
    where = ".".join(part for part in details["loc"] if isinstance(part, str))
    if details["type"] == "extra_forbidden":
        model = Search if details["loc"][0] == "search" else StudyFile
        return f"{where}: no such configuration (known: {', '.join(model.model_fields)})"
    return f"{where}: {details['msg'].removeprefix('Value error, ')}"
