"""Tables of common formats as rows of text: CSV, TSV and similar, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench.data.cells import cell_text
from serbench.data.columns import Columns, find_columns
from serbench.data.delimited import (
    FALLBACK,
    HEAD,
    best_delimiter,
    delimited_lines,
    encoding_of,
    first_cells,
)
from serbench.data.parquet import ParquetFile
from serbench.data.regular import LARGEST, check_regular
from serbench.errors import DatasetError

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt"})
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
TABLE_SUFFIXES = TEXT_SUFFIXES | JSON_SUFFIXES | PARQUET_SUFFIXES

Row = tuple[int, Mapping[str, str]]
"""The line or number of a row from 1, and its cells by field."""


@dataclass(frozen=True)
class Table:
    """A table with its columns.

    Attributes:
        path: the file.
        columns: the columns of the fields of a recording.
        rows: a function that reads the rows; it may raise ``DatasetError``.
        guessed: the encoding, if it is only a guess.
        embedded: True if the table contains recordings instead of their paths.
    """

    path: Path
    columns: Columns
    rows: Callable[[], Iterator[Row]]
    guessed: str | None = None
    embedded: bool = False


def open_table(path: Path, stated: Mapping[str, str]) -> Table | None:
    """The table in a file, or None if the file is not a table.

    Args:
        path: a path with one of ``TABLE_SUFFIXES``.
        stated: field → column, from ``--columns``.

    Raises:
        DatasetError: the file cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        # The columns of a Parquet file are read in batches; it may contain the sound itself.
        check_regular(path, None if suffix in PARQUET_SUFFIXES else LARGEST)
        if suffix in TEXT_SUFFIXES:
            return _delimited(path, stated)
        if suffix in JSON_SUFFIXES:
            return _json(path, stated)
        return _parquet(path, stated)
    except OSError as error:
        raise DatasetError(
            f"{path}: this table cannot be read ({error}): give another file", path=path
        ) from error


def _delimited(path: Path, stated: Mapping[str, str]) -> Table | None:
    with path.open("rb") as file:
        head = file.read(HEAD)

    def fits(cells: list[str]) -> tuple[int, ...]:
        columns = find_columns(cells, stated)
        return len(columns.places), -len(columns.missing), min(len(cells), 2)

    delimiter = best_delimiter(head, fits)
    header = first_cells(head, delimiter)
    if not header:
        return None
    columns = find_columns(header, stated)
    _, guessed = encoding_of(head)

    def rows() -> Iterator[Row]:
        content = path.read_bytes()
        try:
            lines = delimited_lines(content, delimiter)
            if not columns.headless:
                next(lines)
            for number, cells in lines:
                yield number, _fields(columns, [cell_text(cell) for cell in cells])
        except csv.Error as error:
            raise DatasetError(
                f"{path}: this table cannot be read ({error}): save it again as CSV", path=path
            ) from error

    encoding = encoding_of(path.read_bytes())[0] if not columns.missing else None
    return Table(path, columns, rows, encoding if encoding == FALLBACK or guessed else None)


def all_cells(path: Path) -> Iterator[dict[str, str]]:
    """All rows of a CSV or Parquet table with a header, as text by column.

    Raises:
        DatasetError: the table cannot be read.
    """
    if path.suffix.lower() in PARQUET_SUFFIXES:
        file = ParquetFile(path)
        for row in file.rows(file.header):
            yield {name: _text(value) for name, value in row.items()}
        return
    try:
        check_regular(path)
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path}: this table cannot be read ({error.strerror}): give another file", path=path
        ) from error
    lines = delimited_lines(content, ",")
    header = next(lines, (0, []))[1]
    for _, cells in lines:
        yield dict(zip(header, map(cell_text, cells), strict=False))


def _fields(columns: Columns, cells: Sequence[str]) -> dict[str, str]:
    return {name: cells[place] for name, place in columns.places.items() if place < len(cells)}


def _json(path: Path, stated: Mapping[str, str]) -> Table | None:
    """JSON lines, or a list of objects."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    start = head.decode(encoding_of(head)[0], errors="replace").lstrip("\ufeff \t\r\n")
    if not start.startswith(("{", "[")):
        return None
    content = path.read_bytes()
    text = content.decode(encoding_of(content)[0], errors="replace")
    try:
        objects = _objects(text)
    except (ValueError, RecursionError):
        return None
    if not objects:
        return None
    header = tuple(dict.fromkeys(str(name) for _, each in objects for name in each))
    columns = find_columns(header, stated)

    def rows() -> Iterator[Row]:
        for number, each in objects:
            named = columns.places.items()
            yield number, {name: _text(each.get(header[place])) for name, place in named}

    return Table(path, columns, rows)


def _objects(text: str) -> list[tuple[int, dict[str, Any]]]:
    """The number and content of each object; empty if the text has anything else."""
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        found = list(enumerate(json.loads(text.lstrip("\ufeff")), start=1))
    else:
        lines = enumerate(text.lstrip("\ufeff").splitlines(), start=1)
        found = [(number, json.loads(line)) for number, line in lines if line.strip()]
    return found if all(isinstance(each, dict) for _, each in found) else []


def _parquet(path: Path, stated: Mapping[str, str]) -> Table:
    file = ParquetFile(path)
    columns = find_columns(file.header, stated)
    wanted = {name: file.header[place] for name, place in columns.places.items()}

    def rows() -> Iterator[Row]:
        for number, row in enumerate(file.rows(list(wanted.values())), start=1):
            yield number, {name: _text(row[column]) for name, column in wanted.items()}

    embedded = "path" in wanted and file.embeds(wanted["path"])
    return Table(path, columns, rows, embedded=embedded)


def _text(value: object) -> str:
    """A value as text; for an audio value of Hugging Face datasets, its path."""
    if isinstance(value, Mapping):
        return str(value.get("path") or "")
    return "" if value is None else str(value).strip()
