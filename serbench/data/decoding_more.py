"""Decode what libsndfile cannot read with PyAV, where that is installed (extra ``formats``)."""

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
"""With this word begin the names of containers that libsndfile did not read."""


def decode_with_pyav(path: Path, unread: str) -> Decoded:
    """Decode the first audio stream of a file whole, at its own rate.

    Args:
        path: the file.
        unread: why libsndfile does not read it, which holds where PyAV does not either.

    Raises:
        AudioError: PyAV cannot read it, it has no audio, or it is too long.
    """
    import av

    try:
        with av.open(str(path), mode="r") as container:
            if not container.streams.audio:
                raise AudioError(path, "a file without a sound track", "leave it out")
            blocks, rate = _blocks(path, container)
            name = f"{PYAV} {container.format.name}"
    except AudioError:
        raise
    # Whatever the decoder raises is a file that cannot be used, never a crash.
    except Exception as error:
        detail = f"PyAV neither ({type(error).__name__})"
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
