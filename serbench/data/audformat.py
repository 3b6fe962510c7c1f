"""Databases in audformat: a folder with ``db.yaml`` and a table ``db.NAME.csv`` for each table.

The format is described on https://audeering.github.io/audformat/data-format.html. Tables are read
as CSV or Parquet; pickled tables are refused, because unpickling runs code in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from serbench.data.columns import RANKED, find_columns
from serbench.data.emotions import label_key
from serbench.data.names import printable, shortened
from serbench.data.regular import check_regular, is_file
from serbench.data.tables import Row, Table, all_cells
from serbench.errors import DatasetError

HEADER = "db.yaml"
SAVE = "database.save(FOLDER, storage_format='csv')"
LARGEST = 4_000_000
"""Bytes of the largest header, since reading YAML takes seconds for each million."""

DEEPEST = 200
"""Most open brackets of a header, since the time to read them grows with their square."""

OF_TABLE = re.compile(r"[\w.-]{1,100}")
"""Names of tables, as in audformat."""

SEGMENT = "segment"
"""The field that is not empty if a row describes a part of a recording."""

Cells = dict[str, str]


def open_database(header: Path, stated: Mapping[str, str]) -> Table:
    """All tables of a database as one, with a row for each file.

    Args:
        header: the file ``db.yaml``.
        stated: field → column, from ``--columns``.

    Raises:
        DatasetError: the database cannot be read, or has a pickled table.
    """
    database = _header(header)
    files: dict[tuple[str, str], Cells] = {}
    names: dict[str, None] = {"file": None}
    for name, table in _mapping(database.get("tables")).items():
        columns = _mapping(_mapping(table).get("columns"))
        known = {name: _column_name(name, _mapping(entry)) for name, entry in columns.items()}
        for cells in _rows(header.parent, name):
            part = _segment(cells)
            kept = files.setdefault((cells.get("file", ""), part), {"file": cells.get("file", "")})
            for column, shown in known.items():
                if cells.get(column):
                    kept.setdefault(shown, cells[column])
                names[shown] = None
    people = _people(header.parent, database)
    if people:
        names.setdefault("gender")
    columns_found = find_columns(tuple(names), stated)

    def rows() -> Iterator[Row]:
        for number, ((_, part), cells) in enumerate(files.items(), start=1):
            fields = {
                field: cells.get(columns_found.header[place], "")
                for field, place in columns_found.places.items()
            }
            sex = people.get(fields.get("speaker", ""))
            yield number, {**fields, "sex": fields.get("sex") or sex or "", SEGMENT: part}

    return Table(header, columns_found, rows)


def _header(path: Path) -> dict[str, Any]:
    import yaml

    try:
        check_regular(path, LARGEST)
        text = path.read_text(encoding="utf-8")
        if _depth(text) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} brackets are open at once")
        content = yaml.safe_load(text)
    # A ValueError is text that is not UTF-8, an impossible date or a number that is too long.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        first = str(error).partition("\n")[0]
        raise DatasetError(
            f"{path}: the header of this audformat database cannot be read ({first}): save the "
            f"database again in Python with {SAVE}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        raise DatasetError(
            f"{path}: this audformat database has no tables: save a database with tables in Python "
            f"with {SAVE}",
            path=path,
        )
    return content


def _depth(text: str) -> int:
    """The largest number of open brackets, of both kinds, also those in quoted text."""
    steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    return max(accumulate(steps, lambda depth, step: max(depth + step, 0)), default=0)


def _mapping(value: object) -> dict[str, Any]:
    """A part of the header with its names as text; anything else than a mapping has no entries."""
    if not isinstance(value, dict):
        return {}
    return {str(name): entry for name, entry in value.items()}


def _text(value: object) -> str:
    """A value as text; of a list or a mapping, which may repeat itself without end, nothing."""
    return str(value) if isinstance(value, str | int | float) else ""


def _rows(folder: Path, name: str) -> Iterator[Cells]:
    if not OF_TABLE.fullmatch(name):
        raise DatasetError(
            f"{folder}: table '{shortened(printable(name))}' of this audformat database has a name "
            "that is no file name: name its tables with letters, digits, '-', '_' and '.'",
            path=folder,
            table=name,
        )
    for suffix in ("csv", "parquet"):
        path = folder / f"db.{name}.{suffix}"
        if is_file(path):
            yield from all_cells(path)
            return
    if is_file(folder / f"db.{name}.pkl"):
        raise DatasetError(
            f"{folder}: table '{name}' of this audformat database is a pickle, which serbench does "
            f"not read, since it can run any code: save it as CSV in Python with {SAVE}",
            path=folder,
            table=name,
        )


def _column_name(column: str, entry: Mapping[str, Any]) -> str:
    """The name of the column, or of its scheme if only the latter is a common name."""
    scheme = _text(entry.get("scheme_id")) or column
    usual = {key for ranks in RANKED.values() for key in ranks}
    return scheme if label_key(column) not in usual and label_key(scheme) in usual else column


def _segment(cells: Mapping[str, str]) -> str:
    """The part of a recording that a row describes; empty for the whole recording."""
    start, end = cells.get("start", ""), cells.get("end", "")
    whole = end in ("", "NaT", "None") and not start.strip("0 :.days")
    return "" if whole else f"{start}-{end}"


def _people(folder: Path, database: Mapping[str, Any]) -> dict[str, str]:
    """The sex of each speaker, if the scheme of speakers has it."""
    found: dict[str, str] = {}
    for name, scheme in _mapping(database.get("schemes")).items():
        if label_key(name) not in RANKED["speaker"]:
            continue
        labels = _mapping(scheme).get("labels")
        if isinstance(labels, str):  # a miscellaneous table, whose first column is the speaker
            rows = [list(cells.items()) for cells in _rows(folder, labels)]
            labels = {items[0][1]: dict(items[1:]) for items in rows if items}
        for speaker, entry in labels.items() if isinstance(labels, dict) else ():
            for key, value in entry.items() if isinstance(entry, dict) else ():
                if label_key(str(key)) in RANKED["sex"]:
                    found[_text(speaker)] = _text(value)
    return found
