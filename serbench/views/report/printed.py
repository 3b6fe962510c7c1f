"""Figures that publications print, for comparison; ``printed.toml`` holds them."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN = "not known to us"
"""The words for figures that the paper prints and ``printed.toml`` does not hold."""


class PrintedSystem(BaseModel):
    """A published system, whose figures were printed for a dataset that is not used here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    data: str
    accuracy: float = Field(gt=0, lt=1)
    uar: float = Field(gt=0, lt=1)


class PrintedPaper(BaseModel):
    """What Berhoff and Lu print. Mappings hold only what is known; shares are between 0 and 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    backbones: tuple[str, ...]
    schedules: tuple[str, ...]
    clips: int
    mean_milliseconds: float
    sample_rate: int
    best_accuracy: float = Field(gt=0, lt=1)
    recalls: dict[str, dict[str, float]] = Field(default_factory=dict)
    accuracy: dict[str, dict[str, float]] = Field(default_factory=dict)
    uar: dict[str, dict[str, float]] = Field(default_factory=dict)
    milliseconds: dict[str, float] = Field(default_factory=dict)


class Printed(BaseModel):
    """The paper, and the published systems it compares itself with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: PrintedPaper
    systems: tuple[PrintedSystem, ...]


def read_printed() -> Printed:
    """The printed figures that come with serbench."""
    text = files(__package__).joinpath("printed.toml").read_text(encoding="utf-8")
    return Printed.model_validate(tomllib.loads(text))
