"""Decode formats that libsndfile cannot read with PyAV, if it is installed (extra ``formats``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.data.decoding import (
    COPY_AGAIN,
    CUT_UP,
    LIMIT,
    TOO_LONG,
    Decoded,
)
from serbench.errors import AudioError

PYAV = "PyAV"
"""The first word of the names of containers that were read by PyAV."""


def decode_with_pyav(path: Path, unread: str) -> Decoded:
    """Decode the whole first audio stream of a file, at its own rate.

    Args:
        path: the file.
        unread: why libsndfile cannot read it, for the error if PyAV cannot read it either.

    Raises:
        AudioError: PyAV cannot read it, it has no audio, or it is too long.
    """
    import av

    try:
        with av.open(str(path), mode="r") as container:
            if not container.streams.audio:
                raise AudioError(path, "a file without an audio track", "leave the file out")
            blocks, rate = _blocks(path, container)
            name = f"{PYAV} {container.format.name}"
    except AudioError:
        raise
    # Any exception of the decoder means that this file cannot be used; it is no crash.
    except Exception as error:
        detail = f"PyAV cannot read it either ({type(error).__name__})"
        raise AudioError(path, unread, detail=detail, kind="format") from error
    if not blocks:
        raise AudioError(path, "no samples", COPY_AGAIN)
    if len({block.shape[1] for block in blocks}) > 1:
        raise AudioError(path, "damaged", COPY_AGAIN, "its number of channels changes")
    return Decoded(np.concatenate(blocks), rate, name)


def _blocks(
    path: Path,
    container: object,
) -> tuple[list[npt.NDArray[np.float32]], int]:
    """The samples ``[frames, channels]`` in blocks, and their rate in Hz."""
    import av

    blocks: list[npt.NDArray[np.float32]] = []
    samples, rate = 0, 0
    resampler = av.AudioResampler(format="fltp")
    for frame in container.decode(audio=0):  # type: ignore[attr-defined]
        if rate not in (0, frame.sample_rate):
            raise AudioError(path, "damaged", COPY_AGAIN, "its sample rate changes")
        rate = frame.sample_rate
        for part in resampler.resample(frame):
            block = np.ascontiguousarray(part.to_ndarray().T, np.float32)
            blocks.append(block)
            samples += block.size
        if samples > LIMIT:
            raise AudioError(path, TOO_LONG, CUT_UP)
    for part in resampler.resample(None):
        blocks.append(np.ascontiguousarray(part.to_ndarray().T, np.float32))
    return blocks, rate
