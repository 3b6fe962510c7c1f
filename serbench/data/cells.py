"""Cells of CSV files that spreadsheets do not compute as formulas.

Excel and LibreOffice compute a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return (OWASP, "CSV Injection"); with an apostrophe before it, it is text.
"""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")

TEXT = "'"


def text_cell(text: str) -> str:
    """Text for a cell, with an apostrophe before text that a spreadsheet might compute."""
    return TEXT + text if _computed(text) else text


def cell_text(cell: str) -> str:
    """The text from which ``text_cell`` made a cell."""
    return cell[1:] if cell.startswith(TEXT) and _computed(cell) else cell


def _computed(text: str) -> bool:
    """True if the text after any apostrophes is a formula, so that `cell_text` is the inverse."""
    return text.lstrip(TEXT).startswith(FORMULA)
