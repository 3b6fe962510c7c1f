"""What a study may vary, and between which bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """An interval to search, and the value that a search starts from.

    Attributes:
        low: the smallest value.
        high: the largest value.
        initial: always tried first; of the built-in plugins the paper's value, or 0 for what the
            paper did without.
        log: whether to search on a logarithmic scale.
    """

    low: float
    high: float
    initial: float
    log: bool = False
