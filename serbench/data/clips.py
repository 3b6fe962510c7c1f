"""Clips: utterances as mono waveforms of one rate and length, in one memory-mapped array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soxr

from serbench.data.level import Level, levelled
from serbench.errors import StorageError

Padding = Literal["reflect", "zeros"]
"""The padding after a recording that is shorter than its clip: its reflection or silence."""

Waveform = npt.NDArray[np.float32]

BEYOND = 4096
"""Samples of the lower rate, after the end of a clip, that are resampled with it and dropped.

They are twice as many as needed for the clip to be equal, bit by bit, to the beginning of the whole
resampled recording.
"""


@dataclass(frozen=True)
class ClipFormat:
    """The format of all clips of a study.

    Attributes:
        sample_rate: in Hz.
        seconds: length; longer recordings are cut, shorter ones padded.
        level: level of all clips.
        padding: padding of shorter recordings.
    """

    sample_rate: int
    seconds: float
    level: Level = "rms"
    padding: Padding = "reflect"

    @property
    def samples(self) -> int:
        """Length in samples."""
        return round(self.sample_rate * self.seconds)

    @property
    def text(self) -> str:
        """As text, such as ``3.7 s, 16,000 Hz, rms, reflect``."""
        return f"{self.seconds:g} s, {self.sample_rate:,} Hz, {self.level}, {self.padding}"

    def sounding(self, frames: int, sample_rate: int) -> int:
        """Number of samples of a clip that come from its recording; the others are padding.

        Args:
            frames: samples of the recording.
            sample_rate: of the recording, in Hz.
        """
        resampled = resampled_length(frames, sample_rate, self.sample_rate)
        return min(max(resampled, 1), self.samples)


@dataclass(frozen=True)
class Clips:
    """All clips of a dataset.

    They are stored as 16-bit integers, and each clip is scaled by its own peak, so that quiet
    recordings keep their resolution. 11,318 clips of 2.618 s take 1.45 GB.

    Attributes:
        format: rate, length, level and padding.
        waveforms: int16 ``[N, samples]``, memory-mapped.
        peaks: float32 ``[N]``, the largest magnitude of each clip.
        lengths: int64 ``[N]``, samples of each clip that are not padding.
        content: identifies the recordings of all clips and the format.
    """

    format: ClipFormat
    waveforms: npt.NDArray[np.int16]
    peaks: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.int64]
    content: str

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
        """For another process: the path of waveforms in a file instead of the waveforms."""
        return {**vars(self), "waveforms": StoredArray.of(self.waveforms) or self.waveforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(stored := state["waveforms"], StoredArray):
            state["waveforms"] = stored.map()
        vars(self).update(state)


@dataclass(frozen=True)
class StoredArray:
    """An array that is the whole content of a file."""

    path: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: npt.NDArray[np.int16]) -> StoredArray | None:
        """The file of ``array``, or None if it is in memory or only a part of a file."""
        if not (isinstance(array, np.memmap) and array.flags.c_contiguous and array.filename):
            return None
        path = Path(array.filename)
        return cls(str(path), array.shape) if path.stat().st_size == array.nbytes else None

    def map(self) -> npt.NDArray[np.int16]:
        """The array, for reading.

        Raises:
            StorageError: the file is missing, or has another size.
        """
        path = Path(self.path)
        size = math.prod(self.shape) * np.dtype(np.int16).itemsize
        if not path.is_file() or path.stat().st_size != size:
            raise StorageError(
                f"{path} was deleted or shortened while it was in use: run the same command again "
                "to prepare it again",
                path=path,
            )
        return np.memmap(self.path, dtype=np.int16, mode="r", shape=self.shape)


def standardise(waveform: Waveform, sample_rate: int, clip_format: ClipFormat) -> Waveform:
    """A mono waveform ``[frames]`` as a clip ``[samples]``; all clips are made by this function.

    The waveform is resampled with soxr HQ, cut, set to its level, and padded, in this order: the
    level is computed over the samples of the clip without padding. A reflection is repeated
    forwards and backwards until the clip is full.
    """
    return standardise_all([waveform], sample_rate, clip_format)[0]


def standardise_all(
    waveforms: Sequence[Waveform], sample_rate: int, clip_format: ClipFormat
) -> list[Waveform]:
    """Several waveforms of one rate, with results equal to those of `standardise` bit by bit.

    Resampling them together is faster: soxr designs its filter in every call, which takes as long
    as filtering a second of speech.
    """
    rate = clip_format.sample_rate
    used = [waveform[: frames_needed(sample_rate, clip_format)] for waveform in waveforms]
    channels = np.zeros((max(map(len, used)), len(used)), np.float32, order="F")
    for place, waveform in enumerate(used):
        channels[: len(waveform), place] = waveform
    resampled = soxr.resample(channels, sample_rate, rate, quality="HQ")
    clips = []
    for place, waveform in enumerate(used):
        length = min(resampled_length(len(waveform), sample_rate, rate), clip_format.samples)
        # A recording that is too short for one sample of the clip gives its first sample.
        sound = np.ascontiguousarray(resampled[:length, place]) if length else waveform[:1]
        clips.append(fitted(sound, clip_format))
    return clips


def whole_at_rate(waveform: Waveform, sample_rate: int, rate: int) -> Waveform:
    """A mono waveform ``[frames]`` of any length at another rate, with soxr HQ ``[samples]``.

    Its beginning is equal, bit by bit, to that of `standardise` before the level is set. A waveform
    that is too short for one sample gives its first sample.
    """
    resampled = soxr.resample(waveform[:, None], sample_rate, rate, quality="HQ")[:, 0]
    length = resampled_length(len(waveform), sample_rate, rate)
    return np.ascontiguousarray(resampled[:length]) if length else waveform[:1]


def fitted(sound: Waveform, clip_format: ClipFormat) -> Waveform:
    """A mono waveform of the clip's rate and at most its length, set to its level and padded.

    The level is computed over the given samples, without padding.
    """
    return _padded(levelled(sound, clip_format.sample_rate, clip_format.level), clip_format)


def frames_needed(sample_rate: int, clip_format: ClipFormat) -> int:
    """Number of frames from the beginning of a recording that are needed for its clip."""
    ratio = sample_rate / clip_format.sample_rate
    return math.ceil(clip_format.samples * ratio + BEYOND * max(1, ratio))


def resampled_length(frames: int, sample_rate: int, rate: int) -> int:
    """Number of samples into which soxr resamples so many frames of another rate."""
    return math.floor(frames / (sample_rate / rate) + 0.5)


def _padded(waveform: Waveform, clip_format: ClipFormat) -> Waveform:
    missing = clip_format.samples - len(waveform)
    if missing > 0:
        mode = "reflect" if clip_format.padding == "reflect" else "constant"
        waveform = np.pad(waveform, (0, missing), mode=mode)  # type: ignore[call-overload]
    return np.ascontiguousarray(waveform)
