"""Anybody's own recordings, listed in a table.

A table has a row for each recording, and columns for its path, emotion and speaker, perhaps for
sex and sentence; other columns are ignored. Columns are known by their usual names
(``serbench.data.columns``) or stated by ``--columns``; ``--pattern`` gives what no column has.
Tables are ``.csv``, ``.tsv`` and ``.txt``, JSON lines, Parquet, Hugging Face's ``audiofolder``
(``metadata.csv`` with ``file_name``) and audformat. A relative path starts at the table's folder.
Other tables are passed over; one that lists recordings but lacks a column is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from serbench import hookimpl
from serbench.data.audformat import HEADER, SEGMENT, open_database
from serbench.data.columns import NEEDED, sex_of
from serbench.data.corpus import Corpus, Recording, Refused, Remark
from serbench.data.emotions import label_key
from serbench.data.formats import is_recording_name, unread_name
from serbench.data.licence import UNKNOWN_LICENCE, Licence, Speech
from serbench.data.listed_paths import ListedPaths
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.data.tables import TABLE_SUFFIXES, Table, open_table
from serbench.errors import DatasetError

FEW = 50
"""So many rows show whether a table lists recordings."""

COLUMNS_SHOWN = 20

SPREADSHEETS = frozenset({".xlsx", ".xls", ".ods"})

ADVICE = {
    "path": "--columns path=COLUMN",
    "emotion": "--columns emotion=COLUMN, or --pattern '{{emotion}}/*' where folders give it",
    "speaker": "--columns speaker=COLUMN, or --pattern '{{speaker}}/*' where folders give it, or "
    "--columns speaker={path} where each recording has a speaker of its own",
}


@dataclass(frozen=True)
class CsvTable:
    """The recordings that tables among the files list."""

    name: str = "csv"
    title: str = "Your own recordings, listed in a table"
    licence: Licence = UNKNOWN_LICENCE
    speech: Speech = "unknown"
    home: str = "a file with the columns path, emotion, speaker (and, if you like, sex, sentence)"
    synthetic: bool = False
    own_emotions: tuple[str, ...] = ()
    known_conflicts: Mapping[str, str] = field(default_factory=dict)

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """Every row of every table, whether or not the audio file exists."""
        databases = {path.parent for path in files if path.name == HEADER}
        seen: dict[Path, tuple[str, str]] = {}
        for path in files:
            if path.suffix.lower() in SPREADSHEETS:
                yield Refused(path, "a table in a spreadsheet", "save it as CSV to have it read")
            part = path.parent in databases and path.name.startswith("db.")
            if path.name != HEADER and (part or path.suffix.lower() not in TABLE_SUFFIXES):
                continue
            try:
                opener = open_database if path.name == HEADER else open_table
                table = opener(path, options.columns)
                if table is not None:
                    yield from _read(table, options, seen)
            except DatasetError as error:
                detail = str(error).removeprefix(f"{path}: ")
                yield Refused(path, "a table that cannot be read", detail)

    def fetch(self, folder: Path) -> None:
        """Nobody but the user can write this table."""
        raise DatasetError(
            f"the table of your own recordings is yours to write: put {self.home} into {folder}, "
            f"then run `serbench corpus scan {folder} --dataset {self.name}`"
        )


def _read(
    table: Table, options: ScanOptions, seen: dict[Path, tuple[str, str]]
) -> Iterator[Recording | Refused | Remark]:
    lacking = _lacking(table, options)
    if lacking:
        yield from _near_miss(table, lacking, options)
        return
    rows = list(table.rows())
    if not rows:
        yield Refused(table.path, "a table without rows", "its first line is all that it has")
    paths = ListedPaths(table.path.parent, options, (row.get("path", "") for _, row in rows))
    missing: list[Path] = []
    for _, row in rows:
        written = row.get("path", "")
        found = paths.find(written) if written else None
        path = found or (paths.looked_for(written) if written else table.path)
        recording = _recording(table, row, path, found is not None, options)
        if recording.excluded is None:
            meaning = (label_key(recording.label), recording.speaker)
            if seen.setdefault(recording.path, meaning) is not meaning:
                again = seen[recording.path] == meaning
                reason = "listed in another row too" if again else None
                recording = replace(recording, excluded=reason)
            elif found is None:
                missing.append(path)
        yield recording
    if table.guessed is not None:
        yield Remark(
            table.path,
            f"its text does not state its encoding and was read as {table.guessed}, which is a "
            "guess; save it in UTF-8 if names look wrong",
        )
    if missing:
        yield Remark(
            table.path,
            f"of its {len(rows):,} recordings {len(missing):,} are missing; one was looked for at "
            f"{missing[0]}; --root FOLDER names the folder that holds them",
        )


def _lacking(table: Table, options: ScanOptions) -> tuple[str, ...]:
    """The needed fields that neither a column nor the pattern gives."""
    given = () if options.pattern is None else options.pattern.fields
    return tuple(name for name in table.columns.missing if name == "path" or name not in given)


def _near_miss(table: Table, lacking: tuple[str, ...], options: ScanOptions) -> Iterator[Refused]:
    """What a table lacks that lists recordings; nothing for anybody else's table."""
    columns = table.columns
    shown = ", ".join(columns.header[:COLUMNS_SHOWN])
    if any(map(_is_recording, columns.header)) and not columns.headless:
        yield Refused(
            table.path,
            "a table without a line that names its columns",
            f"its first line is {shown}; write path, emotion, speaker above it, or give the "
            "columns by number: --columns path=1,emotion=2,speaker=3",
        )
        return
    cells = [row.get("path", "") for _, row in islice(table.rows(), FEW)]
    described = {"emotion", "speaker"}.isdisjoint(lacking)
    stated = bool(columns.absent) and bool(columns.places)
    if any(map(_is_recording, cells)) or described or stated:
        absent = ", ".join(f"'{column}' for {name}" for name, column in columns.absent.items())
        path = columns.header[columns.places["path"]] if "path" in columns.places else "PATH"
        unfound = f" (--columns names {absent}, which it does not have)" if absent else ""
        yield Refused(
            table.path,
            f"a table of recordings without a column for {' and '.join(lacking)}",
            f"its columns are {shown}{unfound}; type "
            + "; and ".join(ADVICE[name].format(path=path) for name in lacking),
        )


def _is_recording(cell: str) -> bool:
    name = Path(cell.replace("\\", "/"))
    return is_recording_name(name) or unread_name(name) is not None


def _recording(
    table: Table, row: Mapping[str, str], path: Path, found: bool, options: ScanOptions
) -> Recording:
    if options.pattern is not None and any(not row.get(name) for name in NEEDED):
        folders = [*map(Path.absolute, options.paths), table.path.parent]
        row = {**(options.pattern.match(path, folders) or {}), **row}
    empty = [name for name in NEEDED if not row.get(name)]
    excluded = f"a row of a table without {' and '.join(empty)}" if empty else None
    if row.get(SEGMENT):
        excluded = "a part of a recording: cut it into a file of its own"
    elif table.embedded and not found:
        excluded = "a recording inside of a Parquet table: write it into a file of its own"
    return Recording(
        path=path,
        speaker=row.get("speaker") or "unknown",
        label=row.get("emotion") or "none",
        emotion=None,
        sex=sex_of(row.get("sex", "")),
        sentence=row.get("sentence") or None,
        excluded=excluded,
        source="option" if options.columns else "table",
    )


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register tables."""
    register(CsvTable())
