"""Utterances made standard: mono, one rate, one length, in one memory-mapped array."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt
import soxr

from serbench.data.audio import read_audio
from serbench.data.manifest import Manifest, Utterance
from serbench.errors import DatasetError, StorageError

LAYOUT = 1
"""Changes whenever the same recordings would be prepared differently."""

MEGABYTE = 1 << 20

BEYOND = 4096
"""Samples of the lower rate, after the end of a clip, that are resampled with it and dropped.

Twice as many as it takes for every sample that is kept to be the same, to the bit, as if the
whole recording had been resampled.
"""

CHUNK = 64
"""Clips between two marks of what is done: at most this many are prepared again after a crash."""


@dataclass(frozen=True)
class ClipFormat:
    """What every clip of a study looks like; the defaults are the paper's.

    Attributes:
        sample_rate: in Hz.
        seconds: length; shorter recordings are padded by reflection, longer ones cut.
    """

    sample_rate: int = 24414
    seconds: float = 2.618

    @property
    def samples(self) -> int:
        """Length in samples."""
        return round(self.sample_rate * self.seconds)


@dataclass(frozen=True)
class Clips:
    """All clips of a dataset.

    Stored as 16-bit integers, each clip scaled by its own peak, so that quiet recordings keep
    their resolution and 11,318 clips of 2.618 s take 1.45 GB.

    Attributes:
        format: rate and length.
        waveforms: int16 ``[N, samples]``, memory-mapped.
        peaks: float32 ``[N]``, the largest magnitude of each clip.
    """

    format: ClipFormat
    waveforms: npt.NDArray[np.int16]
    peaks: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.waveforms)

    def batch(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Waveforms of some clips, float32 ``[len(rows), samples]``, full scale ±1."""
        waveforms = np.empty((len(rows), self.format.samples), np.float32)
        scales = self.peaks[rows] / np.float32(32767)
        for waveform, row, scale in zip(waveforms, rows, scales, strict=True):
            waveform[:] = self.waveforms[row]
            waveform *= scale
        return waveforms

    def __getstate__(self) -> dict[str, Any]:
        """For another process: of waveforms in a file only where they are, not the gigabytes."""
        return {**vars(self), "waveforms": _StoredArray.of(self.waveforms) or self.waveforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(stored := state["waveforms"], _StoredArray):
            state["waveforms"] = stored.map()
        vars(self).update(state)


@dataclass(frozen=True)
class _StoredArray:
    """An array that is all of a file."""

    path: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: npt.NDArray[np.int16]) -> _StoredArray | None:
        """Where ``array`` is kept, or None where it is in memory or only part of a file."""
        if not (isinstance(array, np.memmap) and array.flags.c_contiguous and array.filename):
            return None
        path = Path(array.filename)
        return cls(str(path), array.shape) if path.stat().st_size == array.nbytes else None

    def map(self) -> npt.NDArray[np.int16]:
        """The array, for reading."""
        return np.memmap(self.path, dtype=np.int16, mode="r", shape=self.shape)


def standardise(
    waveform: npt.NDArray[np.float32], sample_rate: int, clip_format: ClipFormat
) -> npt.NDArray[np.float32]:
    """Resample a mono waveform ``[frames]`` with soxr HQ and bring it to length ``[samples]``.

    Too short a waveform is continued by its reflection, again and again where one is not enough.
    """
    rate = clip_format.sample_rate
    heard = clip_format.samples * sample_rate / rate + BEYOND * max(1, sample_rate / rate)
    resampled = soxr.resample(waveform[: math.ceil(heard)], sample_rate, rate, quality="HQ")
    if len(resampled) == 0:  # a lone sample of a high rate
        resampled = waveform[:1]
    missing = clip_format.samples - len(resampled)
    if missing > 0:
        resampled = np.pad(resampled, (0, missing), mode="reflect")
    return np.ascontiguousarray(resampled[: clip_format.samples], dtype=np.float32)


def prepare_clips(
    manifest: Manifest,
    folder: Path,
    clip_format: ClipFormat | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> Clips:
    """The clips of ``manifest``, prepared once and then only mapped.

    Safe when two processes ask at once: the second waits for the first. Interrupted, the next
    call goes on with the clips still missing.

    Args:
        manifest: whose utterances, in this order.
        folder: where prepared clips are kept, shared by all datasets.
        clip_format: rate and length; the paper's by default.
        progress: called with clips done and clips in all.
        workers: threads that prepare them; as many as there are cores by default.

    Raises:
        AudioError: a recording has become unusable.
        DatasetError: a recording is no longer the one that was scanned.
        StorageError: the disk is full or not writable.
    """
    clip_format = clip_format or ClipFormat()
    place = folder / _content_key(manifest, clip_format)
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "clips.json").exists():
            with filelock.FileLock(place / "lock"):
                if not (place / "clips.json").exists():
                    _build(manifest, place, clip_format, progress, workers or os.cpu_count())
    except OSError as error:
        raise _storage_error(error, place, len(manifest) * clip_format.samples * 2) from error
    stored = _StoredArray(str(place / "waveforms.i16"), (len(manifest), clip_format.samples))
    return Clips(clip_format, stored.map(), np.fromfile(place / "peaks.f32", dtype=np.float32))


def _content_key(manifest: Manifest, clip_format: ClipFormat) -> str:
    digest = hashlib.sha256(f"{LAYOUT} {clip_format.sample_rate} {clip_format.samples}".encode())
    for audio_hash in manifest.audio_hashes:
        digest.update(audio_hash.encode())
    return digest.hexdigest()[:24]


def _build(
    manifest: Manifest,
    place: Path,
    clip_format: ClipFormat,
    progress: Callable[[int, int], None],
    workers: int | None,
) -> None:
    total = len(manifest)
    waveforms = _reserve(place / "waveforms.i16", np.int16, (total, clip_format.samples))
    peaks = _reserve(place / "peaks.f32", np.float32, (total,))
    done = _reserve(place / "done.u1", np.uint8, (total,))

    def prepare(row: int) -> int:
        clip = _prepared(manifest.utterances[row], clip_format)
        peaks[row] = np.abs(clip).max()
        if peaks[row] > 0:  # else all sound comes after the end of the clip
            np.rint(clip * (32767 / peaks[row]), out=clip)
        waveforms[row] = clip
        return row

    missing: Sequence[int] = np.flatnonzero(done == 0).tolist()
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    finished = total - len(missing)
    # Decoding and resampling release the interpreter's lock, so threads use every core.
    with ThreadPoolExecutor(workers) as pool:
        coming = pool.map(prepare, chunks[0] if chunks else ())
        for rows, later in zip_longest(chunks, chunks[1:], fillvalue=()):
            for _ in coming:
                progress(finished := finished + 1, total)
            coming = pool.map(prepare, later)  # while the disk writes
            waveforms.flush()
            peaks.flush()
            done[rows] = 1
    facts = {"layout": LAYOUT, "clips": total, **asdict(clip_format)}
    draft = place / "clips.json.part"
    draft.write_text(json.dumps(facts))
    draft.replace(place / "clips.json")


def _prepared(utterance: Utterance, clip_format: ClipFormat) -> npt.NDArray[np.float32]:
    audio = read_audio(utterance.path)
    if audio.content_hash != utterance.audio_hash:
        raise DatasetError(
            f"{utterance.path} is not the recording that was scanned: scan its folder again"
        )
    return standardise(audio.mono, audio.sample_rate, clip_format)


def _reserve(
    path: Path, dtype: type[np.generic], shape: tuple[int, ...]
) -> np.memmap[tuple[int, ...], np.dtype[np.generic]]:
    """Map a file whose blocks are already on the disk.

    Writing through a map into a file with holes kills the process when the disk is full;
    reserving first makes that an ordinary error.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("ab") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS and Windows
            for start in range(file.tell(), size, MEGABYTE):
                file.write(bytes(min(MEGABYTE, size - start)))
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def _storage_error(error: OSError, place: Path, needed: int) -> StorageError:
    if error.errno == errno.ENOSPC:
        problem = f"the disk is full: preparing the clips needs {needed / 1e6:,.0f} MB"
    else:
        problem = f"cannot write there ({error.strerror})"
    return StorageError(f"{place}: {problem}; make room or name another folder in SERBENCH_CACHE")
