"""Published figures for comparison, which are read from ``printed.toml``."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN = "not available"
"""Shown for figures of the paper that are not in ``printed.toml``."""


class PrintedSystem(BaseModel):
    """A published system, with figures for another dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    data: str
    accuracy: float = Field(gt=0, lt=1)
    uar: float = Field(gt=0, lt=1)


class PrintedPaper(BaseModel):
    """Figures of Berhoff and Lu, as far as they are available; shares are between 0 and 1."""

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
    """The paper, and the published systems with which it is compared there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: PrintedPaper
    systems: tuple[PrintedSystem, ...]


def read_printed() -> Printed:
    """Read the published figures that are part of serbench."""
    text = files(__package__).joinpath("printed.toml").read_text(encoding="utf-8")
    return Printed.model_validate(tomllib.loads(text))
