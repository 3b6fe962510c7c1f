"""Search for recordings by their paths, or by unique ends of their paths."""

from __future__ import annotations

import os.path
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from serbench.data.manifest import Manifest

Tail = tuple[str, ...]


class RecordingNames:
    """The recordings of a dataset by the ends of their paths.

    Suffixes are ignored, since recordings may be stored as FLAC or as WAV, unless they are the only
    difference between two recordings.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._paths = [utterance.path for utterance in manifest.utterances]
        self._tails = [_tail(path) for path in self._paths]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for row, tail in enumerate(self._tails):
            self._by_name[tail[-1]].append(row)

    def rows(self, path: str, folder: Path, tail_only: bool = False) -> list[int]:
        """The rows that match a path; several if the path is not unique.

        Args:
            path: absolute, relative to ``folder``, or the end of one recording's path.
            folder: folder of the file with the path.
            tail_only: the path begins with folders of another machine, which may be missing here.
        """
        rows: list[int] = []
        for tail in _tails(path, folder, tail_only):
            rows = self._ending(tail)
            if rows:
                break
        if not rows:
            rows = self._elsewhere(_tail(path))
        if tail_only and len(rows) > 1:
            rows = self._most_alike(path, rows)
        if len({self._tails[row] for row in rows}) == 1:
            suffix = Path(path).suffix
            return [row for row in rows if Path(self._paths[row]).suffix == suffix] or rows
        return rows

    def shortest(self, row: int) -> str:
        """The shortest end of a recording's path that matches no other recording."""
        whole, path = self._tails[row], Path(self._paths[row])
        for length in range(1, len(whole)):
            if self._ending(whole[-length:]) == [row]:
                return "/".join(path.parts[-length:])
        return str(path)

    def _most_alike(self, path: str, rows: Sequence[int]) -> list[int]:
        """Those of some rows that have most in common with the end of a path.

        EmoV-DB's ``bea/Amused/amused_1.wav`` is ``bea_Amused/amused_1.wav`` in EmoBox's lists.
        """
        wanted = _key(_tail(path)).split("_")[::-1]
        alike: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            parts = _key(self._tails[row]).split("_")[::-1]
            pairs = zip(wanted, parts, strict=False)
            alike[len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))].append(row)
        return alike[max(alike)]

    def _elsewhere(self, tail: Tail) -> list[int]:
        """The recording with a folder in the place of a part of its name, or the reverse.

        For example, SAVEE's ``KL/su02.wav`` is ``KL_su02.wav`` in EmoBox's lists.
        """
        if not tail:
            return []
        written = self._spelt.get(_key(tail[-1:]), [])
        return written or self._spelt.get(_key(tail[-2:]), [])

    @cached_property
    def _spelt(self) -> dict[str, list[int]]:
        """The recordings by name, and by folder and name with any separator."""
        found: dict[str, list[int]] = defaultdict(list)
        for row, tail in enumerate(self._tails):
            for key in {_key(tail[-1:]), _key(tail[-2:])}:
                found[key].append(row)
        return found

    def _ending(self, tail: Tail) -> list[int]:
        if not tail:
            return []
        return [row for row in self._by_name[tail[-1]] if self._tails[row][-len(tail) :] == tail]


def _tails(path: str, folder: Path, tail_only: bool) -> Iterator[Tail]:
    """The possible ends of the path of a recording, the longest first."""
    yield _tail(str(folder / path))
    if not Path(path).is_absolute():
        written = _tail(path)
        yield written
        if tail_only:
            yield from (written[start:] for start in range(1, len(written)))


def _key(tail: Tail) -> str:
    """Parts of a path with one separator, one Unicode form and one case."""
    text = unicodedata.normalize("NFC", "_".join(tail)).casefold()
    return re.sub(r"[\W_]+", "_", text)


def _tail(path: str) -> Tail:
    """The parts of a path, without its suffix."""
    normal = Path(os.path.normpath(path))
    return normal.with_suffix("").parts if normal.name else ()
