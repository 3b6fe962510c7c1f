"""Shares and their intervals, for people."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f}"


def points(difference: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * difference:+.1f}"


def interval(ends: Sequence[float] | None, signed: bool = False) -> str:
    """An interval in per cent, or in points with signs; a dash where none can be given."""
    if ends is None:
        return "–"
    low, high = ends
    return f"{points(low)} to {points(high)}" if signed else f"{percent(low)}–{percent(high)}"


def scored(share: float, ends: Sequence[float] | None) -> str:
    """A score and its interval: ``43.1 (95 % 35.0–51.6)``."""
    return percent(share) + ("" if ends is None else f" (95 % {interval(ends)})")
