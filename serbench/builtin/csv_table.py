"""The user's own recordings, listed in a table.

A table has a row for each recording, and columns for its path, emotion and speaker, optionally for
sex and sentence; other columns are ignored. Columns are recognised by common names
(``serbench.data.columns``) or given by ``--columns``; ``--pattern`` replaces missing columns.
Tables are ``.csv``, ``.tsv`` and ``.txt``, JSON lines, Parquet, Hugging Face's ``audiofolder``
(``metadata.csv`` with ``file_name``) and audformat. Relative paths start at the table's folder.
Tables of other data are ignored; a table of recordings without a required column is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from serbench import hookimpl
from serbench.builtin.folders import OwnRecordings
from serbench.data.audformat import HEADER, SEGMENT, open_database
from serbench.data.columns import NEEDED, sex_of
from serbench.data.corpus import Corpus, Recording, Refused, Remark, Source
from serbench.data.emotions import label_key
from serbench.data.formats import is_recording_name, unread_name
from serbench.data.listed_paths import ListedPaths
from serbench.data.names import shortened
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.data.tables import TABLE_SUFFIXES, Table, open_table
from serbench.errors import DatasetError

FEW = 50
"""Number of rows by which a table of recordings is recognised."""

COLUMNS_SHOWN = 20

SPREADSHEETS = frozenset({".xlsx", ".xls", ".ods"})

ADVICE = {
    "path": "--columns path=COLUMN",
    "emotion": "--columns emotion=COLUMN, or --pattern '{{emotion}}/*' if folders have its names",
    "speaker": "--columns speaker=COLUMN, or --pattern '{{speaker}}/*' if folders have its names, "
    "or --columns speaker={path} if each recording has another speaker",
}


@dataclass(frozen=True)
class CsvTable(OwnRecordings):
    """The recordings in the tables among the files."""

    name: str = "csv"
    title: str = "Your own recordings, listed in a table"
    home: str = "a table with the columns path, emotion, speaker (optionally also sex, sentence)"

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """Every row of every table, whether or not the audio file exists."""
        databases = {path.parent for path in files if path.name == HEADER}
        seen: dict[Path, tuple[str, str]] = {}
        for path in files:
            if path.suffix.lower() in SPREADSHEETS:
                yield Refused(path, "a table in a spreadsheet", "save it as CSV")
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
        """Refuse, since only the user can write this table."""
        raise DatasetError(
            f"serbench cannot make a table of your own recordings: write {self.home} into "
            f"{folder}, then run `serbench corpus scan {folder} --dataset {self.name}`"
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
        yield Refused(table.path, "a table without rows", "add a row for each recording")
    paths = ListedPaths(table.path.parent, options, (row.get("path", "") for _, row in rows))
    missing: list[Path] = []
    named = [each.absolute() for each in options.paths if not each.is_dir()]
    source: Source = "option" if options.columns or table.path in named else "table"
    for _, row in rows:
        written = row.get("path", "")
        found = paths.find(written) if written else None
        path = found or (paths.looked_for(written) if written else table.path)
        recording = _recording(table, row, path, found is not None, options, source)
        if recording.excluded is None:
            meaning = (label_key(recording.label), recording.speaker)
            if seen.setdefault(recording.path, meaning) is not meaning:
                again = seen[recording.path] == meaning
                reason = "also listed in another row" if again else None
                recording = replace(recording, excluded=reason)
            elif found is None:
                missing.append(path)
        yield recording
    if table.guessed is not None:
        yield Remark(
            table.path,
            f"the encoding of this table is not declared and was guessed as {table.guessed}: save "
            "it as UTF-8 if names are wrong",
        )
    if missing:
        looked_for = missing[0].parent / shortened(missing[0].name)
        yield Remark(
            table.path,
            f"{len(missing):,} of the {len(rows):,} recordings in this table are missing, such as "
            f"{looked_for}; give the folder with the recordings as --root FOLDER",
        )


def _lacking(table: Table, options: ScanOptions) -> tuple[str, ...]:
    """The required fields that are neither in a column nor in the pattern."""
    given = () if options.pattern is None else options.pattern.fields
    return tuple(name for name in table.columns.missing if name == "path" or name not in given)


def _near_miss(table: Table, lacking: tuple[str, ...], options: ScanOptions) -> Iterator[Refused]:
    """The missing columns of a table of recordings; nothing for a table of other data."""
    columns = table.columns
    shown = ", ".join(columns.header[:COLUMNS_SHOWN])
    if any(map(_is_recording, columns.header)) and not columns.headless:
        yield Refused(
            table.path,
            "a table without a line that names its columns",
            f"its first line is {shown}; add a line path, emotion, speaker before it, or give the "
            "numbers of the columns: --columns path=1,emotion=2,speaker=3",
            listed=tuple(filter(_is_recording, columns.header)),
        )
        return
    cells = [row.get("path", "") for _, row in islice(table.rows(), FEW)]
    described = {"emotion", "speaker"}.isdisjoint(lacking)
    stated = bool(columns.absent) and bool(columns.places)
    if any(map(_is_recording, cells)) or described or stated:
        absent = ", ".join(f"'{column}' for {name}" for name, column in columns.absent.items())
        path = columns.header[columns.places["path"]] if "path" in columns.places else "PATH"
        unfound = f" (--columns gives {absent}, which do not exist)" if absent else ""
        yield Refused(
            table.path,
            f"a table of recordings without a column for {' and '.join(lacking)}",
            f"its columns are {shown}{unfound}; add "
            + "; and ".join(ADVICE[name].format(path=path) for name in lacking),
            listed=() if stated else tuple(filter(_is_recording, cells)),
        )


def _is_recording(cell: str) -> bool:
    name = Path(cell.replace("\\", "/"))
    return is_recording_name(name) or unread_name(name) is not None


def _recording(
    table: Table,
    row: Mapping[str, str],
    path: Path,
    found: bool,
    options: ScanOptions,
    source: Source,
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
        source=source,
    )


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register tables."""
    register(CsvTable())
