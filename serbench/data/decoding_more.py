"""Decode formats that libsndfile cannot read with PyAV, if it is installed (extra ``formats``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from serbench.data.decoding import COPY_AGAIN, LIMIT, Decoded, too_long
from serbench.data.formats import CONVERT
from serbench.errors import AudioError

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

PYAV = "PyAV"
"""The first word of the names of containers that were read by PyAV."""

NO_AUDIO = "not audio that libsndfile or PyAV can read"

SLACK, PART = 0.25, 0.05
"""Seconds, and part of the length, by which a whole recording may be shorter than declared."""

LENGTH_STATED = ("mov,", "matroska,", "asf", "avi", "wv", "tta")
"""FFmpeg's names of containers whose headers state a length; of others it is an estimate."""


def decode_with_pyav(path: Path, limit: int = LIMIT) -> Decoded:
    """Decode the whole first audio stream of a file, with its channels and at its own rate.

    Padding that an encoder added is removed where the container states its length.

    Args:
        path: the file.
        limit: most samples of all channels together.

    Raises:
        AudioError: PyAV cannot read it; it has no audio, is cut or damaged, or is too long.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _decoded(path, file, limit)
        except (AudioError, MemoryError):
            raise
        # Whatever else the decoder raises is a file that cannot be used, never a crash.
        except Exception as error:
            advice, detail = f"{COPY_AGAIN}, or {CONVERT}", f"PyAV: {_one_line(error)}"
            raise AudioError(path, NO_AUDIO, advice, detail, "format") from error


def _decoded(path: Path, file: BinaryIO, limit: int) -> Decoded:
    import av

    # An open file, so that FFmpeg takes no path for an address or for a pattern of names; and no
    # protocol, so that a playlist opens no other file.
    options = {"protocol_whitelist": "none"}
    with av.open(file, "r", options=options, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise AudioError(path, "a file without a sound track", "leave it out")
        blocks: list[npt.NDArray[np.float32]] = []
        rate, samples, problem = 0, 0, ""
        resampler = av.AudioResampler(format="fltp")

        def keep(frames: list[AudioFrame]) -> None:
            nonlocal samples
            for each in frames:
                blocks.append(each.to_ndarray().T.astype(np.float32))
                samples += blocks[-1].size

        try:
            for frame in _frames(container):
                if rate not in (0, frame.sample_rate):
                    raise AudioError(path, "damaged", COPY_AGAIN, "its sample rate changes")
                rate = frame.sample_rate
                keep(resampler.resample(frame))
                if samples > limit:
                    raise too_long(path, limit)
            keep(resampler.resample(None))
        except (av.FFmpegError, ValueError) as error:  # ValueError: its channels change
            problem = _one_line(error)
        if not blocks:
            raise AudioError(path, "damaged" if problem else "no samples", COPY_AGAIN, problem)
        waveform = np.concatenate(blocks)
        declared = _declared(container, container.streams.audio[0])
        name = f"{PYAV} {container.format.name}"
    seconds = len(waveform) / rate
    short = seconds < (1 - PART) * declared - SLACK
    if short or problem:
        counts = f"its header declares {declared:.2f} s, {seconds:.2f} s could be decoded"
        reason = "truncated" if short else "damaged"
        raise AudioError(path, reason, COPY_AGAIN, counts if short else problem)
    return Decoded(waveform, rate, name)


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    yield from container.decode(container.streams.audio[0])


def _declared(container: InputContainer, stream: AudioStream) -> float:
    """Seconds that the header declares for the sound; 0 where it declares none."""
    if not container.format.name.startswith(LENGTH_STATED):
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1
    return container.duration / 1e6 if container.duration and alone else 0.0  # microseconds


def _one_line(error: Exception) -> str:
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text or type(error).__name__
