"""Folds from a file.

Three forms are read:

- a CSV table with the columns ``path`` and ``fold``, in any order, with or without further columns;
  columns are separated by commas, semicolons or tabs, and the text is UTF-8;
- JSON lines (``.jsonl``): an object on each line, with the recording under ``path`` or, as in
  EmoBox, under ``wav`` or ``audio``, and with its ``fold``; other keys are ignored;
- a folder of EmoBox's metadata, such as ``EmoBox/data/ravdess``: each folder ``fold_K`` contains
  ``…_test_fold_K.jsonl``, which lists the recordings of that fold under ``wav``. For a dataset with
  one fold, the ``test`` list is the holdout, and the ``train`` and ``valid`` lists are the rest.
  See https://github.com/emo-box/EmoBox.

A fold is any word. A fold named ``holdout`` is the only holdout and is not used in the search.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.data.cells import cell_text
from serbench.data.manifest import Manifest
from serbench.data.protocols.units import HOLDOUT
from serbench.data.recording_names import RecordingNames
from serbench.data.regular import check_regular, is_folder
from serbench.errors import DatasetError, UsageError

REST = "rest"
"""The fold of recordings that a list of one fold does not test."""

LISTS = re.compile(r".+_(?P<part>train|valid|test)_fold_?(?P<fold>\d+)\.jsonl")


@dataclass(frozen=True)
class FoldsFile:
    """A file, or a folder of EmoBox's lists.

    Attributes:
        path: absolute.
        content: SHA-256 of its content.
    """

    path: str
    content: str

    @property
    def mark(self) -> str:
        """The path and the first digits of the content's hash."""
        return f"{self.path}#{self.content[:8]}"


@dataclass(frozen=True)
class Placed:
    """The fold of a recording in a file.

    Attributes:
        path: path as written.
        fold: name of the fold.
        where: file and line, for messages.
        tail_only: True if the path begins with folders of another machine, as in EmoBox.
    """

    path: str
    fold: str
    where: str
    tail_only: bool = False


def find_folds(text: str, content: str | None = None) -> FoldsFile:
    """The file at a path.

    Args:
        text: its path.
        content: the expected beginning of the hash of its content, or None.

    Raises:
        UsageError: there is no such file, or its content has changed.
    """
    path = Path(text).expanduser().absolute()
    file = FoldsFile(str(path), _content(path))
    if content is not None and not file.content.startswith(content):
        raise UsageError(
            f"the folds in {path} have changed since the study was begun: restore the file with "
            f"hash {content[:8]}, or begin a new study with --protocol folds:{path}"
        )
    return file


def read_folds(file: FoldsFile) -> list[Placed]:
    """The folds in a file, line by line.

    Raises:
        UsageError: it cannot be read, has changed, or a line has no path or no fold.
    """
    path = Path(find_folds(file.path, file.content).path)
    if path.is_dir():
        return list(_emobox(_files(path)))
    lines = list(_json_lines(path) if path.suffix.lower() == ".jsonl" else _table(path))
    if not lines:
        raise UsageError(f"{path} lists no recordings: write a line with path and fold for each")
    return lines


def _content(path: Path) -> str:
    if not is_folder(path):
        return hashlib.sha256(_read(path)).hexdigest()
    digest = hashlib.sha256()
    for part in _files(path):
        of_part = hashlib.sha256(_read(part)).hexdigest()
        digest.update(f"{part.relative_to(path).as_posix()}\t{of_part}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    """The file itself, or the lists in a folder that are needed."""
    if not is_folder(path):
        return [path]
    listed = [*path.glob("fold_*/*.jsonl")] or path.glob("lists/fold_*/*.jsonl")
    spellings: dict[tuple[str, str], Path] = {}
    # EmoBox has the same list under two names: …_test_fold_1 (wav, emo), …_test_fold1 (audio,
    # label). One of them is read.
    for found in sorted(listed, key=lambda each: ("_fold_" not in each.name, str(each))):
        if LISTS.fullmatch(found.name):
            spellings.setdefault((str(found.parent), _part(found)), found)
    lists = sorted(spellings.values())
    tests = [found for found in lists if _part(found) == "test"]
    if not tests:
        raise UsageError(
            f"{path} has no file fold_1/…_test_fold_1.jsonl: give a CSV table, a file of JSON "
            "lines, or the folder of one dataset in EmoBox's metadata"
        )
    return tests if len(tests) > 1 else lists


def _part(path: Path) -> str:
    match = LISTS.fullmatch(path.name)
    assert match is not None
    return match["part"]


def _read(path: Path) -> bytes:
    try:
        check_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the folds file {path} cannot be read ({error.strerror}): give another path"
        ) from error


def _text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text ({error}): save it again as UTF-8") from error


def _table(path: Path) -> Iterator[Placed]:
    lines = _text(path).splitlines()
    for delimiter in (",", ";", "\t"):
        rows = _rows(path, lines, delimiter)
        _, header = next(rows, (0, []))
        names = [name.strip().lower() for name in header]
        if {"path", "fold"} <= set(names):
            break
    else:
        raise UsageError(
            f"{path} has no columns path and fold: name the columns in the first line, as in "
            "path,fold"
        )
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            row = dict(zip(names, (cell_text(cell.strip()) for cell in cells), strict=False))
            yield _placed(f"{path}, line {number}", row.get("path"), row.get("fold"))


def _rows(path: Path, lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row."""
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise UsageError(f"{path} is not a CSV table ({error}): save it again as CSV") from error


def _json_lines(path: Path, fold: str | None = None) -> Iterator[Placed]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            # The decoder's line number counts within this line and would contradict `where`.
            reason = getattr(error, "msg", error)
            raise UsageError(
                f"{where} is not JSON ({reason}): write an object with a path and a fold"
            ) from error
        if not isinstance(row, dict):
            raise UsageError(
                f"{where} is not a JSON object: write an object with a path (or wav, or audio) "
                "and a fold"
            )
        given, emobox = row.get("path"), row.get("wav") or row.get("audio")
        stated = row.get("fold") if fold is None else fold
        yield _placed(where, given or emobox, stated, tail_only=not given)


def _emobox(lists: list[Path]) -> Iterator[Placed]:
    tests = [path for path in lists if _part(path) == "test"]
    for path in lists:
        one = HOLDOUT if path in tests else REST
        yield from _json_lines(path, one if len(tests) == 1 else path.parent.name)


def _placed(where: str, path: object, fold: object, tail_only: bool = False) -> Placed:
    if not isinstance(path, str) or not path:
        raise UsageError(f"{where} has no path: write the path of a recording")
    if isinstance(fold, int) and fold.bit_length() > 64:
        raise UsageError(f"{where} has a fold with too many digits: use a word")
    if isinstance(fold, bool) or not isinstance(fold, str | int) or fold == "":
        raise UsageError(f"{where} has no fold: write a number or a word")
    return Placed(path, str(fold), where, tail_only)


def folds_of(manifest: Manifest, file: FoldsFile) -> npt.NDArray[np.str_]:
    """The fold of each utterance, ``[N]``, from a file.

    A path is absolute, relative to the file, or the end of one recording's path; a path of EmoBox,
    which begins with its authors' folders, matches the recording with the longest common end.
    Suffixes are ignored, since recordings may be stored as FLAC or as WAV.

    Raises:
        UsageError: the file cannot be read or has changed.
        DatasetError: a line matches no utterance or several, two lines match the same one, or an
            utterance has no line.
    """
    names = RecordingNames(manifest)
    found: dict[int, Placed] = {}
    unknown: list[Placed] = []
    for line in read_folds(file):
        rows = names.rows(line.path, Path(file.path).parent, line.tail_only)
        if not rows:
            unknown.append(line)
            continue
        if len(rows) > 1:
            raise DatasetError(
                f"{line.where}: {line.path} matches {len(rows)} recordings of dataset "
                f"'{manifest.name}': write more folders of its path"
            )
        first = found.setdefault(rows[0], line)
        if first is not line:
            raise DatasetError(
                f"{line.where}: {line.path} is the same recording as in {first.where}: keep one of "
                "the two lines"
            )
    if unknown:
        raise DatasetError(
            f"{unknown[0].where}: dataset '{manifest.name}' has no recording {unknown[0].path}"
            + (f" (and {len(unknown) - 1} more are missing)" if len(unknown) > 1 else "")
            + ": scan the same recordings with the same emotions, or remove these lines"
        )
    left_out = sorted(set(range(len(manifest))) - set(found))
    if left_out:
        raise DatasetError(
            f"{file.path} has folds for {len(found):,} of the {len(manifest):,} clips of dataset "
            f"'{manifest.name}', and none for {manifest.utterances[left_out[0]].path}: add a line "
            "for every clip"
        )
    return np.array([found[row].fold for row in range(len(manifest))], dtype=np.str_)
