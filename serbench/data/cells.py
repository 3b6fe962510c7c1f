"""Cells of CSV files that no spreadsheet takes for a formula.

Excel and LibreOffice compute a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return (OWASP, "CSV Injection"); with an apostrophe before it, it is text.
"""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")

TEXT = "'"


def text_cell(text: str) -> str:
    """Text for a cell, with an apostrophe before what a spreadsheet might compute."""
    return TEXT + text if _computed(text) else text


def cell_text(cell: str) -> str:
    """The text that ``text_cell`` made a cell of."""
    return cell[1:] if cell.startswith(TEXT) and _computed(cell) else cell


def _computed(text: str) -> bool:
    """What follows any apostrophes decides, so that there is one way back."""
    return text.lstrip(TEXT).startswith(FORMULA)
