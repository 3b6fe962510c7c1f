"""Cells of tables: exact in CSV, rounded in Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from serbench.data.cells import text_cell

Cell = str | int | float | None

Records = Sequence[Mapping[str, Cell]]
"""Rows of named cells; a value that is not known is None or has no cell."""


def as_csv(records: Records) -> str:
    """CSV with a header; numbers have full precision, unknown ones and NaN are empty cells."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for record in records for column in record))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {column: _exact(cell) for column, cell in record.items()} for record in records
    )
    return text.getvalue()


def _exact(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return text_cell(cell)
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def percent(share: float | None) -> str:
    """A measured share in per cent with one decimal; empty where there is none."""
    return "" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def printed_percent(share: float | None) -> str:
    """A published share in per cent with its published digits; empty where unknown."""
    return "" if share is None else f"{100 * share:.6g}"


def spread(mean: float, sd: float | None) -> str:
    """Mean and standard deviation of shares, in per cent."""
    return percent(mean) + (f" ± {percent(sd)}" if sd is not None else "")
