"""Databases in audformat: a folder with ``db.yaml`` and a table ``db.NAME.csv`` for each table.

The format is described on https://audeering.github.io/audformat/data-format.html. Tables are read
as CSV or Parquet; pickled tables are refused, because unpickling runs code in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serbench.data.columns import RANKED, find_columns
from serbench.data.emotions import label_key
from serbench.data.tables import Row, Table, all_cells
from serbench.errors import DatasetError

HEADER = "db.yaml"
SAVE = "database.save(FOLDER, storage_format='csv')"
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
    for name, table in (database.get("tables") or {}).items():
        columns = (table or {}).get("columns") or {}
        known = {column: _column_name(column, entry or {}) for column, entry in columns.items()}
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
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
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


def _rows(folder: Path, name: str) -> Iterator[Cells]:
    for suffix in ("csv", "parquet"):
        path = folder / f"db.{name}.{suffix}"
        if path.exists():
            yield from all_cells(path)
            return
    if (folder / f"db.{name}.pkl").exists():
        raise DatasetError(
            f"{folder}: table '{name}' of this audformat database is a pickle, which serbench does "
            f"not read, since it can run any code: save it as CSV in Python with {SAVE}",
            path=folder,
            table=name,
        )


def _column_name(column: str, entry: Mapping[str, Any]) -> str:
    """The name of the column, or of its scheme if only the latter is a common name."""
    scheme = str(entry.get("scheme_id") or column)
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
    for name, scheme in (database.get("schemes") or {}).items():
        if label_key(str(name)) not in RANKED["speaker"]:
            continue
        labels = (scheme or {}).get("labels")
        if isinstance(labels, str):  # a miscellaneous table, whose first column is the speaker
            rows = [list(cells.items()) for cells in _rows(folder, labels)]
            labels = {items[0][1]: dict(items[1:]) for items in rows if items}
        for speaker, entry in labels.items() if isinstance(labels, dict) else ():
            for key, value in entry.items() if isinstance(entry, dict) else ():
                if label_key(str(key)) in RANKED["sex"]:
                    found[str(speaker)] = str(value)
    return found
