"""Numbers in the tables of a report, which are exact in CSV and rounded in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from serbench.data.cells import Cell
from serbench.score.metric import Score

Records = Sequence[Mapping[str, Cell]]
"""Rows of named cells; a value that is not known is None or has no cell."""


def columns_of(records: Records) -> list[str]:
    """All columns of some rows, in the order of their first appearance."""
    return list(dict.fromkeys(column for record in records for column in record))


def percent(share: float | None) -> str:
    """A measured share in per cent with one decimal; empty where there is none."""
    return "" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def scored(score: Score) -> str:
    """A score in per cent with its 95 % interval; empty where there is no score."""
    ends = score.interval
    between = "" if ends is None else f" ({percent(ends[0])}–{percent(ends[1])})"
    return "" if math.isnan(score.value) else percent(score.value) + between


def printed_percent(share: float | None) -> str:
    """A published share in per cent with its published digits; empty where unknown."""
    return "" if share is None else f"{100 * share:.6g}"


def spread(mean: float | None, sd: float | None) -> str:
    """Mean and standard deviation of shares, in per cent; empty where there is no mean."""
    return percent(mean) + (f" ± {percent(sd)}" if sd is not None else "")
