"""The files of prepared clips, with a checksum of each clip that finds damaged ones."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt

MEGABYTE = 1 << 20

Column = np.memmap[tuple[int, ...], np.dtype[np.generic]]


@dataclass(frozen=True)
class ClipFiles:
    """Waveforms, peaks and checksums of the clips of one dataset, each in one file.

    A clip without a checksum or with a wrong one counts as missing: it was not prepared yet, its
    preparation was interrupted, or its files were damaged later.

    Attributes:
        place: folder of the files.
        clips: number of clips, N.
        samples: number of samples of each clip.
    """

    place: Path
    clips: int
    samples: int

    @property
    def waveforms(self) -> Path:
        """int16 ``[N, samples]``, each clip scaled by its own peak."""
        return self.place / "waveforms.i16"

    @property
    def peaks(self) -> Path:
        """float32 ``[N]``."""
        return self.place / "peaks.f32"

    @property
    def checks(self) -> Path:
        """uint32 ``[N]``, CRC-32 of peak and waveform; 0 if the clip is not prepared yet."""
        return self.place / "checks.u32"

    @property
    def complete(self) -> Path:
        """A file that exists after all clips were prepared; it describes them."""
        return self.place / "clips.json"

    @property
    def clip_bytes(self) -> int:
        """Size of one waveform."""
        return self.samples * np.dtype(np.int16).itemsize

    def intact(self) -> npt.NDArray[np.bool_]:
        """True for each clip that is undamaged, ``[N]``; all clips are read."""
        peaks, checks = self._column(self.peaks, np.float32), self._column(self.checks, np.uint32)
        found = np.zeros(self.clips, np.bool_)
        if not self.waveforms.exists():
            return found

        def check(rows: Sequence[int]) -> None:
            waveform = bytearray(self.clip_bytes)
            with self.waveforms.open("rb") as file:
                file.seek(rows[0] * self.clip_bytes)
                for row in rows:
                    if file.readinto(waveform) != self.clip_bytes:
                        return
                    found[row] = checksum(peaks[row], waveform) == checks[row]

        # Reading and summing release the interpreter's lock: 1.4 GB take half a second.
        parts = [rows for rows in np.array_split(np.arange(self.clips), 16) if len(rows)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(check, parts))
        return found

    def sized(self) -> bool:
        """True if every file has its full length."""
        wanted = {
            self.waveforms: self.clips * self.clip_bytes,
            self.peaks: self.clips * 4,
            self.checks: self.clips * 4,
        }
        return all(path.exists() and path.stat().st_size == n for path, n in wanted.items())

    def reserve(self) -> tuple[Column, Column]:
        """Extend the files on the disk to their full length, and keep their content.

        Returns:
            writable peaks and checksums.
        """
        _reserve(self.waveforms, self.clips * self.clip_bytes)
        return self._reserved(self.peaks, np.float32), self._reserved(self.checks, np.uint32)

    def _reserved(self, path: Path, dtype: type[np.generic]) -> Column:
        _reserve(path, self.clips * np.dtype(dtype).itemsize)
        return np.memmap(path, dtype=dtype, mode="r+", shape=(self.clips,))

    def _column(self, path: Path, dtype: type[np.generic]) -> npt.NDArray[np.generic]:
        """One value for each clip; 0 for clips beyond the end of the file."""
        column = np.zeros(self.clips, dtype)
        if path.exists():
            values = np.fromfile(path, dtype)[: self.clips]
            column[: len(values)] = values
        return column


def checksum(peak: np.generic, waveform: bytes | bytearray | memoryview) -> int:
    """CRC-32 of a clip."""
    return zlib.crc32(waveform, zlib.crc32(peak.tobytes()))


def _reserve(path: Path, size: int) -> None:
    """Make a file of so many bytes with all blocks allocated on the disk.

    If the disk is full, writing through a memory map into a file without allocated blocks kills
    the process; allocating them first raises an ordinary error instead.
    """
    with path.open("ab") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS and Windows
            for start in range(file.tell(), size, MEGABYTE):
                file.write(bytes(min(MEGABYTE, size - start)))
        file.truncate(size)


@dataclass(frozen=True)
class StoredClips:
    """The prepared clips of one dataset in one format.

    Attributes:
        place: their folder.
        size: size of all its files in bytes.
        used: when they were prepared, in seconds since 1970.
        facts: the content of ``clips.json``; empty where their preparation did not end.
    """

    place: Path
    size: int
    used: float
    facts: Mapping[str, Any]


def stored_clips(folder: Path) -> list[StoredClips]:
    """All prepared clips in a folder, the last prepared first."""
    found = []
    for place in folder.glob("*/"):
        try:
            size = sum(path.stat().st_size for path in place.iterdir())
            used = place.stat().st_mtime
        except OSError:
            continue  # another process is deleting it
        found.append(StoredClips(place, size, used, _facts(place / "clips.json")))
    return sorted(found, key=lambda each: each.used, reverse=True)


def _facts(path: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def clear_clips(folder: Path) -> int:
    """Delete all prepared clips that no process is preparing; returns the number of freed bytes.

    Processes that have mapped them keep their content until they end.
    """
    freed = 0
    for stored in stored_clips(folder):
        try:
            with filelock.FileLock(stored.place / "lock", timeout=0):
                shutil.rmtree(stored.place)
        except (filelock.Timeout, OSError):
            continue
        freed += stored.size
    return freed
