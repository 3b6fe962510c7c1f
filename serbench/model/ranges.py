"""Ranges and choices of searched parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """An interval to search, and its initial value.

    Attributes:
        low: the smallest value.
        high: the largest value.
        initial: the value in the first trial; in the built-in plugins it is the paper's value, or 0
            for what the paper does not use.
        log: whether to search on a logarithmic scale.
    """

    low: float
    high: float
    initial: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """Values to choose from; the first one is the value in the first trial.

    Attributes:
        values: one or more.
    """

    values: tuple[str, ...]

    @property
    def initial(self) -> str:
        """The value in the first trial."""
        return self.values[0]


Searched = Range | Choice


def plain_ranges(ranges: Mapping[str, Searched]) -> dict[str, dict[str, Any]]:
    """Ranges and choices by name as plain data, for the record."""
    return {name: asdict(each) for name, each in ranges.items()}


def ranges_from(plain: Mapping[str, Mapping[str, Any]]) -> dict[str, Searched]:
    """Ranges and choices by name, from the result of `plain_ranges`."""
    return {
        name: Choice(tuple(each["values"])) if "values" in each else Range(**each)
        for name, each in plain.items()
    }
