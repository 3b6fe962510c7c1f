"""Ranges and choices of searched parameters."""

from __future__ import annotations

from dataclasses import dataclass


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
