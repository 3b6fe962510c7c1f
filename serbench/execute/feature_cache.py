"""Features of frozen backbones, computed once and kept in memory-mapped files."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt

from serbench.errors import StorageError
from serbench.workspace import cache_folder, feature_limit

Array = npt.NDArray[np.float32]
Compute = Callable[[Sequence[str]], Mapping[str, Array]]
"""Computes arrays by name."""

LAYOUT = 1
"""Number of the file format; files of another format are not read."""

WRITTEN = (".partial", ".facts")
"""Suffixes of files that a process is writing."""

ABANDONED = 3600.0
"""Seconds after which such a file belongs to a process that was killed."""


@dataclass(frozen=True)
class StoredFeatures:
    """One array in the cache.

    Attributes:
        path: the file.
        size: its size in bytes.
        used: when it was used last, in seconds since 1970.
        about: what it was computed from, and its name.
    """

    path: Path
    size: int
    used: float
    about: Mapping[str, Any]


class FeatureCache:
    """Arrays of features in a folder, found by what they were computed from.

    Several processes may use one folder. Where an array is missing, one of them computes it and the
    others wait. The arrays that were not used for the longest time are deleted where all of them
    together exceed ``limit``; an array that is larger than that is not kept.

    Args:
        folder: by default ``features`` in the cache folder.
        limit: greatest number of bytes of all arrays; by default ``SERBENCH_FEATURE_LIMIT`` or
            20 GB. With 0, nothing is kept.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder or cache_folder() / "features"
        self.limit = feature_limit() if limit is None else limit
        self._checked: set[Path] = set()

    def arrays(
        self, source: Mapping[str, Any], names: Sequence[str], compute: Compute
    ) -> dict[str, Array]:
        """The arrays of these names, read from the cache or computed.

        Args:
            source: plain data that identifies what the arrays are computed from.
            names: names of arrays.
            compute: called once with the names that are missing.

        Raises:
            StorageError: the folder cannot be written to, or the disk is full.
        """
        if self.limit == 0:
            return dict(compute(names))
        places = {name: self._place(source, name) for name in names}
        found = self._present(places)
        if len(found) == len(places):
            return found
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / f"{_key(source)}.lock"):
                found = self._present(places)
                missing = [name for name in names if name not in found]
                computed = compute(missing) if missing else {}
                for name, array in computed.items():
                    found[name] = self._kept(places[name], array, {**source, "name": name})
        except OSError as error:
            raise StorageError(
                f"features cannot be written to {self.folder} ({error.strerror}): free some space, "
                "or name another folder in SERBENCH_CACHE",
                path=self.folder,
            ) from error
        return found

    def stored(self) -> list[StoredFeatures]:
        """All arrays in the cache, the last used first."""
        found = []
        for facts in self.folder.glob("*.json"):
            path = facts.with_suffix(".npy")
            try:
                about = json.loads(facts.read_text())["about"]
                found.append(
                    StoredFeatures(path, path.stat().st_size, facts.stat().st_mtime, about)
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue  # another process is deleting it, or it is damaged
        return sorted(found, key=lambda each: each.used, reverse=True)

    def clear(self) -> int:
        """Delete all arrays; returns the number of bytes that were freed."""
        freed = 0
        for path in self.folder.glob("*.*"):
            with suppress(FileNotFoundError):  # another process has deleted it
                found = path.stat()
                if path.suffix in WRITTEN and time.time() - found.st_mtime < ABANDONED:
                    continue
                path.unlink()
                freed += found.st_size
        self._checked.clear()
        return freed

    def _present(self, places: Mapping[str, Path]) -> dict[str, Array]:
        """The arrays that are kept and not damaged."""
        read = ((name, self._read(place)) for name, place in places.items())
        return {name: array for name, array in read if array is not None}

    def _place(self, source: Mapping[str, Any], name: str) -> Path:
        return self.folder / f"{_key({**source, 'name': name})}.npy"

    def _read(self, place: Path) -> Array | None:
        """The array of a file; None where it is missing or damaged."""
        facts_file = place.with_suffix(".json")
        try:
            facts = json.loads(facts_file.read_text())
            if facts["size"] != place.stat().st_size:
                return None
            if place not in self._checked:
                if facts["sha256"] != _sha256(place):
                    return None
                self._checked.add(place)
            with suppress(PermissionError):  # a folder that may only be read
                os.utime(facts_file)
            array: Array = np.load(place, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return array

    def _kept(self, place: Path, array: Array, about: Mapping[str, Any]) -> Array:
        """The array, read from its new file where it is not too large for the cache."""
        self._make_room(array.nbytes)
        if array.nbytes > self.limit:
            return array
        partial = place.with_suffix(f".{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            facts = {
                "size": partial.stat().st_size,
                "sha256": _sha256(partial),
                "about": dict(about),
            }
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
        facts_partial = place.with_suffix(f".{os.getpid()}.facts")
        facts_partial.write_text(json.dumps(facts))
        facts_partial.replace(place.with_suffix(".json"))
        self._checked.add(place)
        kept = self._read(place)
        return array if kept is None else kept

    def _make_room(self, size: int) -> None:
        stored = self.stored()
        total = sum(each.size for each in stored) + size
        while stored and total > self.limit:
            oldest = stored.pop()
            total -= oldest.size
            oldest.path.with_suffix(".json").unlink(missing_ok=True)
            oldest.path.unlink(missing_ok=True)


def _key(content: Mapping[str, Any]) -> str:
    text = json.dumps({"layout": LAYOUT, **content}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
