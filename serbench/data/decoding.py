"""Read a file with libsndfile to its actual end, whatever length its header declares."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from serbench.data import mp3
from serbench.data.headers import misdeclared_samples, tag_bytes
from serbench.errors import AudioError

LIMIT = 1 << 26
"""Samples of all channels of an utterance: 23 minutes of one channel at 48 kHz, 256 MB."""

SAMPLE_BYTES = 4
"""A file is read into memory as a whole only if it has at most so many bytes for each sample."""

BLOCK = 1 << 18
"""Samples that are decoded at a time."""

MP3_BLOCK = 1152
"""Block size for MP3, small since an error after the last frame loses the current block."""

MP3_SLACK = 2 * 1152
"""Samples at both ends that an encoder adds and a decoder may leave out."""

MIDI_DUMP = b"\xf0\x7e"
"""Damaged files of this format make libsndfile write to standard output, among the results."""

FLAC = b"fLaC"
FLAC_TOTAL = slice(18, 26)
"""Part of STREAMINFO (RFC 9639): rate, channels, bits per sample, and 36 bits with the length."""

FLAC_COUNT = (1 << 36) - 1

UNKNOWN = 1 << 62
"""A larger number of frames means that libsndfile has not found the length."""

LONGEST_PATH = 1000
"""Bytes; libsndfile keeps 1,024."""

NO_AUDIO = "not audio that libsndfile can read"
COPY_AGAIN = "copy the file again from its source"
RESAVE = "save the file again as 16-bit WAV or FLAC, or leave it out"


@dataclass(frozen=True)
class Decoded:
    """The content of a file.

    Attributes:
        waveform: float32 ``[frames, channels]``, at least one frame.
        sample_rate: in Hz.
        container: libsndfile's name of the file's format, such as ``WAV``.
        difference: the difference between header and content, in one clause; empty if equal.
    """

    waveform: npt.NDArray[np.float32]
    sample_rate: int
    container: str
    difference: str = ""


@dataclass(frozen=True)
class _Source:
    """The source that libsndfile opens, and its declared length.

    Attributes:
        file: a path, or the content with a corrected header.
        frames: number of frames that its header declares; None if libsndfile reads it correctly.
        counted: True if a file with fewer frames counts as truncated.
        difference: as in `Decoded`.
    """

    file: str | io.BytesIO
    frames: int | None = None
    counted: bool = True
    difference: str = ""


class _Memory(io.BytesIO):
    """A file in memory that ignores invalid seeks."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place of the file."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read without seeking: some formats cannot seek, or only estimate their end."""

    def seekable(self) -> bool:
        """Always False."""
        return False


def too_long(path: Path, limit: int) -> AudioError:
    """The error for a file with more samples than ``limit``."""
    advice = "cut the file into utterances" if limit == LIMIT else "cut the file into parts"
    return AudioError(path, f"longer than {limit:,} samples", advice)


def decode(path: Path, limit: int = LIMIT) -> Decoded:
    """Decode a whole regular file.

    Args:
        path: the file.
        limit: most samples of all channels together.

    Raises:
        AudioError: it is truncated, damaged, too long, or has no samples.
        RuntimeError: libsndfile cannot open it.
        OSError: the system refuses.
        MemoryError: there is not enough memory.
    """
    with _source(path, limit) as source, _Forwards(source.file) as file:
        if file.format == "RAW":  # guessed from the ending of the name
            raise AudioError(path, NO_AUDIO, RESAVE)
        mpeg = file.format == "MP3"
        declared = file.frames if source.frames is None else source.frames
        if declared > UNKNOWN:
            declared = 0
        waveform, problem = _read(path, file, declared, MP3_BLOCK if mpeg else BLOCK, limit)
        sample_rate, container = int(file.samplerate), str(file.format)
    held = len(waveform)
    counts = f"its header declares {declared:,} samples, {held:,} could be decoded"
    if held < declared - (MP3_SLACK if mpeg else 0) and (source.counted or problem):
        raise AudioError(path, "truncated", COPY_AGAIN, counts)
    if problem and not declared:
        raise AudioError(path, "damaged", COPY_AGAIN, f"{held:,} samples could be decoded")
    if held == 0:
        raise AudioError(path, "no samples", "leave the file out")
    differs = declared not in (0, held) and not mpeg
    return Decoded(waveform, sample_rate, container, source.difference or counts * differs)


def _read(
    path: Path, file: soundfile.SoundFile, declared: int, block: int, limit: int
) -> tuple[npt.NDArray[np.float32], str]:
    """The samples ``[frames, channels]``, and the decoder's error if it stops early."""
    channels, frames, problem = file.channels, 0, ""
    step, most = max(1, block // channels), limit // channels
    waveform = np.empty((step, channels), np.float32)
    while True:
        if frames == len(waveform):
            waveform.resize((2 * frames, channels), refcheck=False)
        # Exactly up to the declared end: other data may follow, which would lose a block.
        wanted = min(step, declared - frames) if declared > frames else step
        try:
            count = len(file.read(out=waveform[frames : frames + wanted]))
        except RuntimeError as error:
            problem = str(error)
            break
        if count == 0:
            break
        frames += count
        if frames > most:
            raise too_long(path, limit)
    waveform.resize((frames, channels), refcheck=False)
    return waveform, problem


@contextmanager
def _source(path: Path, limit: int) -> Iterator[_Source]:
    """The source that libsndfile opens; most files are opened unchanged."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        samples = misdeclared_samples(file, size)
        file.seek(0)
        head = file.read(4)
        if head.startswith(MIDI_DUMP):
            raise AudioError(path, "a MIDI sample dump, not a recording", RESAVE)
        if samples is None and not head.startswith((FLAC, b"ID3", b"\xff")):
            yield _Source(_named(path))
            return
        counts = samples.difference if samples is not None else ""
        if samples is not None and samples.cut:
            raise AudioError(path, "truncated", COPY_AGAIN, counts)
        if size > SAMPLE_BYTES * limit:
            raise too_long(path, limit)
        file.seek(0)
        content = file.read()
    if samples is not None:
        copy = _Memory(content)
        del content  # so that the correction makes no second copy
        samples.correct(copy)
        yield _Source(copy, difference=counts)
        return
    tags = tag_bytes(content)
    first = mp3.first_frame(content)
    if content[tags : tags + 4] == FLAC and len(content) >= tags + FLAC_TOTAL.stop:
        copy = _Memory(content[tags:])
        del content
        yield _Source(copy, _forget_total(copy), counted=False)
    elif first is not None and not _length_known(path, content, first):
        with mp3.through_pipe(mp3.without_tags(content, first), first) as pipe:
            yield _Source(pipe)
    else:
        yield _Source(_named(path))


def _named(path: Path) -> str | io.BytesIO:
    """The path of a file, or its content where libsndfile does not take so long a path."""
    short = len(os.fsencode(path)) < LONGEST_PATH
    return str(path) if short else _Memory(path.read_bytes())


def _forget_total(flac: io.BytesIO) -> int:
    """Make a FLAC declare an unknown length; return the number of samples that it declared."""
    flac.seek(FLAC_TOTAL.start)
    facts = int.from_bytes(flac.read(8), "big")
    flac.seek(FLAC_TOTAL.start)
    flac.write((facts & ~FLAC_COUNT).to_bytes(8, "big"))
    flac.seek(0)
    return facts & FLAC_COUNT


def _length_known(path: Path, content: bytes, first: int) -> bool:
    """True if libsndfile recognises this MP3 and its length."""
    named = path.suffix.lower() == ".mp3"
    return not hasattr(os, "mkfifo") or (named and mp3.counted(content, first))
