"""Lists of recordings to leave out of a dataset, stored as CSV tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath

from serbench.data.cells import cell_text, csv_text
from serbench.data.regular import check_regular
from serbench.errors import StorageError, UsageError


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One recording to leave out.

    Attributes:
        path: a file name, a path, or the end of a path. It may be empty if ``audio_hash`` is given.
        audio_hash: SHA-256 of the decoded samples, or empty if only the path is compared.
        reason: the reason, in a few words.
    """

    path: str
    audio_hash: str
    reason: str


COLUMNS = tuple(field.name for field in fields(Exclusion))


class ExclusionList:
    """Finds the reason for which a recording is left out.

    If an exclusion has the hash of the audio, recordings with this hash and the same file stem are
    left out, in any folder and as WAV or FLAC; otherwise those with the same end of the path.
    """

    def __init__(self, exclusions: Iterable[Exclusion] = ()) -> None:
        self._by_audio: dict[tuple[str, str], str] = {}
        self._by_name: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for exclusion in exclusions:
            path = PurePath(exclusion.path)
            if exclusion.audio_hash:
                self._by_audio.setdefault((exclusion.audio_hash, path.stem), exclusion.reason)
            else:
                ends = self._by_name.setdefault(path.name, [])
                ends.append((path.parts, exclusion.reason))

    def reason(self, path: str, audio_hash: str) -> str | None:
        """Why the recording at ``path`` with the hash ``audio_hash`` is left out, or None."""
        parts, stem = PurePath(path).parts, PurePath(path).stem
        for key in ((audio_hash, stem), (audio_hash, "")):
            if key in self._by_audio:
                return self._by_audio[key]
        for end, reason in self._by_name.get(parts[-1], ()):
            if parts[-len(end) :] == end:
                return reason
        return None


def read_exclusions(path: Path) -> tuple[Exclusion, ...]:
    """Read a list: a CSV table in UTF-8 with the columns path, audio_hash and reason.

    The columns may be in any order, and one of path and audio_hash may be missing or empty.

    Raises:
        UsageError: the file cannot be read, or a line has neither path nor audio_hash.
    """
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                Exclusion(*(cell_text((row.get(column) or "").strip()) for column in COLUMNS))
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: this exclusion list cannot be read ({error}): "
            f"give a CSV table in UTF-8 with the columns {', '.join(COLUMNS)}"
        ) from error
    for number, row in enumerate(rows, start=1):
        if not row.path and not row.audio_hash:
            raise UsageError(
                f"{path}: recording {number} of this exclusion list has neither path nor "
                f"audio_hash: write one of them, in a CSV table with the columns "
                f"{', '.join(COLUMNS)}"
            )
    return tuple(rows)


def write_exclusions(path: Path, exclusions: Sequence[Exclusion]) -> None:
    """Write a list that ``read_exclusions`` reads.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = csv_text(COLUMNS, map(asdict, exclusions))
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(
            f"{path}: the exclusion list cannot be written ({error.strerror}): "
            "give another file with --out"
        ) from error
