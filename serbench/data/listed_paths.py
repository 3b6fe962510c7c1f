"""Search for the recordings of a table that was written on another machine."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from serbench.data.folders import list_files, without_steps_up
from serbench.data.formats import is_recording_name
from serbench.data.scan_options import ScanOptions

DRIVE = re.compile(r"^(?:file://+)?(?:[a-z]:)?", re.IGNORECASE)
"""The beginning of a path that does not exist in this file system."""

Parts = tuple[str, ...]


class ListedPaths:
    """Finds the files for the paths of one table.

    A path is relative to the folder of the table, to ``--root``, or to a scanned folder.
    Backslashes, drive letters, the case and the Unicode form of names, and the suffix of a
    converted recording are ignored. If all paths of the table begin with the same folders, these
    may be folders of another machine and are removed one after another. Below ``--root``, a file is
    also found by the end of its path, if no other file has a longer or equal common end. Without
    ``--root``, names without folders find the only file of each name.

    Args:
        folder: folder of the table.
        options: options of the scan: ``root`` and ``paths``.
        written: all paths of the table.
    """

    def __init__(self, folder: Path, options: ScanOptions, written: Iterable[str]) -> None:
        scanned = [path.absolute() for path in options.paths if path.is_dir()]
        self._root = None if options.root is None else without_steps_up(options.root).absolute()
        bases = [folder.absolute(), *([self._root] if self._root else []), *scanned]
        self._bases = tuple(dict.fromkeys(bases))
        self._written = {text: _parts(text) for text in written}
        self._shared = _shared([parts[:-1] for parts in self._written.values()])
        self._folders: dict[tuple[Path, Parts], bool] = {}
        self._listings: dict[Path, dict[str, list[str]]] = {}
        self._below: dict[str, list[Path]] | None = None
        self._taken: dict[Path, Parts] = {}

    def find(self, text: str) -> Path | None:
        """The file for a path, or None if it is not found."""
        parts = self._parts(text)
        for base in self._bases:
            if _exists(written := base / text):
                return self._take(without_steps_up(written), parts)
        for dropped in range(min(self._shared, len(parts) - 1) + 1):
            tried = not dropped and "/".join(parts) == text
            for base in self._bases:
                if (found := self._resolve(base, parts[dropped:], tried)) is not None:
                    return self._take(found, parts)
        return self._take(self._by_end(parts, len(parts) - 1 <= self._shared), parts)

    def looked_for(self, text: str) -> Path:
        """One path at which a file was searched for, for messages."""
        return (self._root or self._bases[0]).joinpath(*self._parts(text))

    def _parts(self, text: str) -> Parts:
        return self._written.get(text) or _parts(text)

    def _take(self, path: Path | None, parts: Parts) -> Path | None:
        """The path, or None if another path of the table has the same file."""
        if path is None or self._taken.setdefault(path, parts) != parts:
            return None
        return path

    def _resolve(self, base: Path, parts: Parts, tried: bool) -> Path | None:
        """The file of a path below a base; ``tried`` if it is known not to have that very path."""
        if not tried and self._has_folder(base, parts[:-1]):
            exact = base.joinpath(*parts)
            if _exists(exact):
                return without_steps_up(exact)
        here = base
        for part in parts[:-1]:
            if part == "..":
                here = here.parent
            elif (name := _only(self._listing(here).get(_folded(part), ()), part)) is not None:
                here = here / name
            else:
                return None
        listing = self._listing(here)
        name = _only(listing.get(_folded(parts[-1]), ()), parts[-1])
        if name is None:
            stem = Path(parts[-1]).stem if Path(parts[-1]).suffix else parts[-1]
            same = [n for n in listing.get(f"{_folded(stem)}.", ()) if is_recording_name(Path(n))]
            name = _only(same, "")
        return None if name is None else here / name

    def _has_folder(self, base: Path, parts: Parts) -> bool:
        if (base, parts) not in self._folders:
            self._folders[base, parts] = _exists(base.joinpath(*parts))
        return self._folders[base, parts]

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Names in a folder, by the folded name, and by the folded stem and a dot."""
        if folder not in self._listings:
            listing: dict[str, list[str]] = defaultdict(list)
            try:
                names = [each.name for each in folder.iterdir()]
            except (OSError, ValueError):
                names = []
            for name in names:
                listing[_folded(name)].append(name)
                listing[f"{_folded(Path(name).stem)}."].append(name)
            self._listings[folder] = listing
        return self._listings[folder]

    def _by_end(self, parts: Parts, alone: bool) -> Path | None:
        """The file with the longest common end of its path below the root.

        A name ``alone``, without folders, is looked for below every base.
        """
        if self._root is None and not alone:
            return None
        if self._below is None:
            self._below = defaultdict(list)
            bases = [self._root] if self._root else [each for each in self._bases if each.is_dir()]
            for path in filter(is_recording_name, list_files(bases).files):
                self._below[_folded(path.stem)].append(path)
                self._below[_folded(path.name)].append(path)
        wanted = [*map(_folded, parts[:-1]), _folded(Path(parts[-1]).stem)]
        if not is_recording_name(Path(parts[-1])):
            wanted[-1] = _folded(parts[-1])
        scored = defaultdict(list)
        for path in dict.fromkeys(self._below.get(wanted[-1], ())):
            ends = [*map(_folded, path.parts[:-1]), wanted[-1]]
            scored[_alike(wanted, ends)].append(path)
        best = scored[max(scored)] if scored else []
        return best[0] if len(best) == 1 else None


def _exists(path: Path) -> bool:
    """True if a path exists; False also for a path that is too long or has a zero byte."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _parts(text: str) -> Parts:
    plain = DRIVE.sub("", text.strip().strip("\"'").replace("\\", "/"))
    normal = os.path.normpath(plain or ".").lstrip("/")
    return tuple(normal.split("/"))


def _shared(folders: Sequence[Parts]) -> int:
    """Number of folders at the beginning that all paths have in common."""
    if not folders:
        return 0
    first, last = min(folders), max(folders)
    pairs = enumerate(zip(first, last, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(first), len(last)))


def _folded(name: str) -> str:
    """A key that is equal for names that differ only in case or Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _only(names: Sequence[str], exact: str) -> str | None:
    """The exact name, or the only name, or None."""
    if exact in names:
        return exact
    return names[0] if len(names) == 1 else None


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Number of parts that two ends have in common."""
    count = 0
    for first, second in zip(reversed(one), reversed(other), strict=False):
        if first != second:
            break
        count += 1
    return count
