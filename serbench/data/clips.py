"""Utterances made standard: mono, one rate, one length, in one memory-mapped array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from serbench.errors import StorageError

Waveform = npt.NDArray[np.float32]

BEYOND = 4096
"""Samples of the lower rate, after the end of a clip, that are resampled with it and dropped.

Twice as many as it takes for every sample that is kept to be the same, to the bit, as if the
whole recording had been resampled.
"""


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
        return {**vars(self), "waveforms": StoredArray.of(self.waveforms) or self.waveforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(stored := state["waveforms"], StoredArray):
            state["waveforms"] = stored.map()
        vars(self).update(state)


@dataclass(frozen=True)
class StoredArray:
    """An array that is all of a file."""

    path: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: npt.NDArray[np.int16]) -> StoredArray | None:
        """Where ``array`` is kept, or None where it is in memory or only part of a file."""
        if not (isinstance(array, np.memmap) and array.flags.c_contiguous and array.filename):
            return None
        path = Path(array.filename)
        return cls(str(path), array.shape) if path.stat().st_size == array.nbytes else None

    def map(self) -> npt.NDArray[np.int16]:
        """The array, for reading.

        Raises:
            StorageError: the file is gone, or no longer has its size.
        """
        path = Path(self.path)
        size = math.prod(self.shape) * np.dtype(np.int16).itemsize
        if not path.is_file() or path.stat().st_size != size:
            raise StorageError(
                f"{path} was deleted or cut while it was in use: the same command prepares it "
                "again",
                path=path,
            )
        return np.memmap(self.path, dtype=np.int16, mode="r", shape=self.shape)


def standardise(waveform: Waveform, sample_rate: int, clip_format: ClipFormat) -> Waveform:
    """Resample a mono waveform ``[frames]`` with soxr HQ and bring it to length ``[samples]``.

    Too short a waveform is continued by its reflection, again and again where one is not enough.
    """
    return standardise_all([waveform], sample_rate, clip_format)[0]


def standardise_all(
    waveforms: Sequence[Waveform], sample_rate: int, clip_format: ClipFormat
) -> list[Waveform]:
    """Several waveforms of one rate, each as `standardise` makes it alone, to the bit.

    Together they are resampled faster: soxr designs its filter in every call, which takes as long
    as filtering a second of speech.
    """
    rate = clip_format.sample_rate
    used = [waveform[: frames_needed(sample_rate, clip_format)] for waveform in waveforms]
    channels = np.zeros((max(map(len, used)), len(used)), np.float32, order="F")
    for place, waveform in enumerate(used):
        channels[: len(waveform), place] = waveform
    resampled = soxr.resample(channels, sample_rate, rate, quality="HQ")
    lengths = [math.floor(len(each) / (sample_rate / rate) + 0.5) for each in used]  # soxr's
    return [
        _of_length(resampled[:length, place] if length else waveform[:1], clip_format.samples)
        for place, (length, waveform) in enumerate(zip(lengths, used, strict=True))
    ]


def frames_needed(sample_rate: int, clip_format: ClipFormat) -> int:
    """How many frames of a recording, from its first on, its clip is made of."""
    ratio = sample_rate / clip_format.sample_rate
    return math.ceil(clip_format.samples * ratio + BEYOND * max(1, ratio))


def _of_length(waveform: Waveform, samples: int) -> Waveform:
    if (missing := samples - len(waveform)) > 0:
        waveform = np.pad(waveform, (0, missing), mode="reflect")
    return np.ascontiguousarray(waveform[:samples])
