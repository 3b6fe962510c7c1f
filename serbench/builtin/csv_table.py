"""Anybody's own recordings, listed in a table.

A ``.csv`` file whose first line names the columns ``path``, ``emotion`` and ``speaker``, in any
order, and perhaps ``sex`` and ``sentence``; other columns are ignored. Columns are separated by
commas, semicolons or tabs, the text is UTF-8, and a relative path starts at the table's own
folder. Tables without those columns belong to somebody else and are left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench import hookimpl
from serbench.data.corpus import EMOTIONS, Corpus, Recording
from serbench.data.regular import check_regular
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.errors import DatasetError

COLUMNS = ("path", "emotion", "speaker")

SYNONYMS = {
    "sad": "sadness",
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "surprised": "surprise",
    "pleasant_surprise": "surprise",
    "bored": "boredom",
}
CANONICAL = {emotion: emotion for emotion in EMOTIONS} | SYNONYMS

LONGEST_LINE = 1 << 16
"""Characters that the first line of a table may have."""

SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclass(frozen=True)
class CsvTable:
    """The recordings that tables among the files speak of."""

    name: str = "csv"
    title: str = "Your own recordings, listed in a CSV table"
    licence: str = "yours"
    home: str = "a file with the columns path, emotion, speaker (and, if you like, sex, sentence)"
    synthetic: bool = False
    known_conflicts: Mapping[str, str] = field(default_factory=dict)

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording]:
        """Every line of every table, whether or not the audio file exists."""
        for path in files:
            if path.suffix.lower() == ".csv" and (delimiter := _delimiter(path)):
                yield from _recordings(path, delimiter)

    def fetch(self, folder: Path) -> None:
        """Nobody but the user can write this table."""
        raise DatasetError(
            f"the table of your own recordings is yours to write: put {self.home} into {folder}, "
            f"then run `serbench corpus scan {folder} --dataset {self.name}`"
        )


def _delimiter(table: Path) -> str | None:
    """Find what separates the columns; None where the first line does not name ours."""
    try:
        check_regular(table)
        with table.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline(LONGEST_LINE)
    except OSError as error:
        raise DatasetError(f"{table}: this table cannot be read: {error}") from error
    for delimiter in (",", ";", "\t"):
        if set(COLUMNS) <= set(_names(_first(header, delimiter))):
            return delimiter
    return None


def _first(header: str, delimiter: str) -> list[str]:
    """The cells of a first line; none where it is no line of a table."""
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _recordings(table: Path, delimiter: str) -> Iterator[Recording]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            names = _names(next(reader))
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
                    yield _recording(table, reader.line_num, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: not a CSV table in UTF-8 ({error}); save it anew") from error


def _recording(table: Path, line: int, row: Mapping[str, str]) -> Recording:
    for column in COLUMNS:
        if not row.get(column):
            raise DatasetError(f"{table}, line {line}: no {column}; every recording needs one")
    emotion = CANONICAL.get(row["emotion"].lower().replace(" ", "_"))
    if emotion is None:
        raise DatasetError(
            f"{table}, line {line}: unknown emotion '{row['emotion']}'; "
            f"use one of {', '.join(CANONICAL)}"
        )
    return Recording(
        path=table.parent / row["path"],
        speaker=row["speaker"],
        label=row["emotion"],
        emotion=emotion,
        sex=SEXES.get(row.get("sex", "").lower()),
        sentence=row.get("sentence") or None,
    )


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register tables."""
    register(CsvTable())
