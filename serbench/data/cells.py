"""CSV files whose cells spreadsheets do not compute as formulas; every CSV is written here.

Excel and LibreOffice compute a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return (OWASP, "CSV Injection"); with an apostrophe before it, it is text.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")

TEXT = "'"

Cell = str | int | float | None


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """A CSV table with a header: text cells are literal, and numbers have all their digits.

    Args:
        columns: names of the columns.
        rows: rows of named cells. A cell that is missing, None or NaN is empty.

    Raises:
        ValueError: a row has a cell of another column.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writerow({name: text_cell(name) for name in columns})
    writer.writerows({name: _exact(cell) for name, cell in row.items()} for row in rows)
    return file.getvalue()


def text_cell(text: str) -> str:
    """Text for a cell, with an apostrophe before text that a spreadsheet might compute."""
    return TEXT + text if _computed(text) else text


def cell_text(cell: str) -> str:
    """The text from which ``text_cell`` made a cell."""
    return cell[1:] if cell.startswith(TEXT) and _computed(cell) else cell


def _computed(text: str) -> bool:
    """True if the text after any apostrophes is a formula, so that `cell_text` is the inverse."""
    return text.lstrip(TEXT).startswith(FORMULA)


def _exact(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return text_cell(cell)
    return None if isinstance(cell, float) and math.isnan(cell) else cell
