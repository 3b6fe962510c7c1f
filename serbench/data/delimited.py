"""Lines of delimited text in any encoding and with any delimiter.

Text is UTF-8 or UTF-16, with or without a byte-order mark, and Windows-1252 where it is neither; a
first line ``sep=;`` (as Excel writes it) names the delimiter.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator

HEAD = 1 << 16
"""Bytes of a file from which its delimiter is found, and whether it is a table of recordings."""

DELIMITERS = (",", ";", "\t", "|", " ")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
FALLBACK = "windows-1252"


def encoding_of(content: bytes) -> tuple[str, bool]:
    """The encoding of text, and whether it is only a guess."""
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return encoding, False
    sample = content[:HEAD]
    if sample.count(0) > len(sample) // 4:  # plain letters of UTF-16 have one zero byte of two
        return ("utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"), True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(content) or error.reason != "unexpected end of data":
            return FALLBACK, True
    return "utf-8", False


def delimited_lines(content: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is not empty, without a line ``sep=``.

    Raises:
        csv.Error: a cell is too long, or has an invalid character.
    """
    text = content.decode(encoding_of(content)[0], errors="replace")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter == " "
    )
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped) and not (reader.line_num == 1 and _separator(text)):
            yield reader.line_num, stripped


def best_delimiter(content: bytes, fits: Callable[[list[str]], tuple[int, ...]]) -> str:
    """The delimiter with which the first line has the highest rating.

    Args:
        content: the beginning of the file, or the whole file.
        fits: rating of the cells of the first line; if ratings are equal, the first one is used.
    """
    text = content[:HEAD].decode(encoding_of(content)[0], errors="replace")
    return _separator(text) or max(
        DELIMITERS, key=lambda each: fits(first_cells(content[:HEAD], each))
    )


def _separator(text: str) -> str | None:
    """The delimiter in a first line such as ``sep=;``."""
    line = text.removeprefix("\ufeff").split("\n", 1)[0].strip('\r"')
    return line[4] if line.lower().startswith("sep=") and len(line) == 5 else None


def first_cells(head: bytes, delimiter: str) -> list[str]:
    """The cells of the first line that is not empty; no cells if it is not a line of a table."""
    try:
        return next((cells for _, cells in delimited_lines(head, delimiter)), [])
    except csv.Error:
        return []
