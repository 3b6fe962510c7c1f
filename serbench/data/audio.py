"""Decode one recording, and say in a few words why one cannot be used."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from serbench.errors import AudioError

LFS_POINTER = b"version https://git-lfs"
STREAMED = 0x7F000000
"""From here on a chunk's length is none: sox writes about as much, ffmpeg 2³²−1, into a pipe."""

RESAVE = "save it again as 16-bit WAV or FLAC, or leave it out"


@dataclass(frozen=True)
class Audio:
    """A decoded recording.

    Attributes:
        waveform: float32 ``[frames, channels]``, full scale ±1.
        sample_rate: in Hz.
    """

    waveform: npt.NDArray[np.float32]
    sample_rate: int

    @property
    def mono(self) -> npt.NDArray[np.float32]:
        """The mean of the channels, ``[frames]``."""
        if self.waveform.shape[1] == 1:
            return self.waveform[:, 0]
        mean: npt.NDArray[np.float32] = self.waveform.mean(axis=1, dtype=np.float32)
        return mean

    @property
    def content_hash(self) -> str:
        """SHA-256 of what is heard: the same for a WAV and its lossless FLAC copy."""
        digest = hashlib.sha256(f"{self.sample_rate} {self.waveform.shape}".encode())
        digest.update(np.ascontiguousarray(self.waveform).data)
        return digest.hexdigest()


def read_audio(path: Path | str) -> Audio:
    """Decode ``path`` whole.

    Raises:
        AudioError: the file is missing, empty, a Git-LFS pointer, not audio, truncated, silent,
            or holds values that are not numbers; or its name is not UTF-8.
    """
    path = Path(path)
    _check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            waveform = file.read(dtype="float32", always_2d=True)
            sample_rate, promised = file.samplerate, file.frames
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = "truncated" if _opens(path) else "not audio that libsndfile can read"
        raise AudioError(path, reason, RESAVE) from error
    if len(waveform) == 0:
        raise AudioError(path, "no samples", "leave it out")
    if len(waveform) < promised or _chunk_is_cut(path):
        raise AudioError(path, "truncated", "copy it again from its source")
    lowest, highest = waveform.min(), waveform.max()  # no numbers either where a sample is none
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise AudioError(path, "samples that are not numbers (NaN or infinite)", RESAVE)
    if lowest == highest == 0:
        raise AudioError(path, "silent (every sample is zero)", "leave it out or record it again")
    return Audio(waveform, int(sample_rate))


def _check_file(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="backslashreplace").decode()
        raise AudioError(shown, "file name that is not UTF-8", "rename it") from error
    if not path.exists():
        raise AudioError(path, "missing", "check the path")
    if path.is_dir():
        raise AudioError(path, "a folder, not a file", "name the files in it")
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_POINTER))
    except OSError as error:
        raise AudioError(path, "not readable", str(error.strerror)) from error
    if not head:
        raise AudioError(path, "empty file", "copy it again from its source")
    if head == LFS_POINTER:
        raise AudioError(path, "Git-LFS pointer, not audio", "run `git lfs pull` in its repository")


def _opens(path: Path) -> bool:
    try:
        soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError):
        return False
    return True


def _chunk_is_cut(path: Path) -> bool:
    """True where a WAV or AIFF ends before its samples do; libsndfile silently shortens those.

    A program that writes into a pipe cannot know the length, and promises none.
    """
    aiff = (">4sI", b"SSND")
    kinds = {b"RIFFWAVE": ("<4sI", b"data"), b"FORMAIFF": aiff, b"FORMAIFC": aiff}
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        layout, samples = kinds.get(head[:4] + head[8:], ("", b""))
        while layout and len(chunk := file.read(8)) == 8:
            name, length = struct.unpack(layout, chunk)
            if name == samples:
                return bool(length < STREAMED and file.tell() + length > size)
            file.seek(length + length % 2, 1)
    return False
