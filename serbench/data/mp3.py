"""Complete reading of MP3 files without a declared length.

An MP3 has no file header. Most programs write a first silent frame with the number of the other
frames, named ``Xing`` for a variable and ``Info`` for a constant bit rate. Without this frame,
libsndfile estimates the length from the file size and the bit rate of the first frame, and stops
there; from a pipe, which has no size, it reads to the end.
Frame headers: ISO 11172-3 and 13818-3.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serbench.data.headers import TAGS, tag_bytes

BEGINNING = 200
"""Bytes at the beginning of the first frame that are searched for ``Xing`` or ``Info``."""

SEARCHED = 4096
"""Largest padding, in bytes, between a tag and the first frame."""

SLACK = 4096
"""Up to so many bytes after the declared length count as a tag at the end."""

RATES = (44100, 48000, 32000)
"""Sample rates of MPEG-1 in Hz; MPEG-2 has half of them, MPEG-2.5 a quarter."""

BITRATES = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
"""Bit rates of layer III in kbit/s: MPEG-2 and 2.5, MPEG-1."""


def first_frame(content: bytes) -> int | None:
    """Offset of the first frame of an MP3; None if the content is not an MP3."""
    at = tag_bytes(content)
    for place in range(at, at + (SEARCHED if at else 1)):
        length = _frame_bytes(content[place : place + 4])
        following = content[place + length : place + length + 4]
        if length and (not following or _frame_bytes(following)):
            return place
    return None


def without_tags(content: bytes, first: int) -> bytes:
    """The MP3 without the tags and the zeros after its last frame.

    mpg123 searches 1,024 bytes for a further frame, and then stops with an error.
    """
    end = first
    while length := _frame_bytes(content[end : end + 4]):
        end += length
    rest = content[end:]
    return content[:end] if rest.startswith(TAGS) or not rest.strip(b"\0") else content


def counted(content: bytes, first: int) -> bool:
    """True if the first frame declares the number of frames, and the correct number of bytes."""
    place = _count(content, first)
    if place is None:
        return False
    flags = int.from_bytes(content[place + 4 : place + 8], "big")
    at = place + 8 + (4 if flags & 1 else 0)
    declared = int.from_bytes(content[at : at + 4], "big")
    return not flags & 2 or first + declared + SLACK >= len(content)


@contextmanager
def through_pipe(content: bytes, first: int) -> Iterator[str]:
    """A named pipe with the content of an MP3, without a wrong number of frames.

    The pipe has a name, because libsndfile recognises MPEG-2 only by the suffix of the file.

    Args:
        content: content of the MP3.
        first: offset of its first frame.

    Raises:
        OSError: no pipe can be made in the folder for temporary files.
    """
    place = _count(content, first)
    if place is not None and not counted(content, first):
        content = content[:place] + bytes(4) + content[place + 4 :]
    with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
        pipe = Path(folder, "recording.mp3")
        os.mkfifo(pipe)
        writer = threading.Thread(target=_write, args=(pipe, content), daemon=True)
        writer.start()
        try:
            yield str(pipe)
        finally:
            while writer.is_alive():  # it may still wait for a reader
                os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
                writer.join(0.01)


def _write(pipe: Path, content: bytes) -> None:
    with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as file:
        file.write(content)


def _count(content: bytes, first: int) -> int | None:
    beginning = content[first : first + BEGINNING]
    places = (beginning.find(name) for name in (b"Xing", b"Info"))
    return next((first + place for place in places if place >= 0), None)


def _frame_bytes(header: bytes) -> int:
    """Length in bytes of the frame with this header; 0 if it is not a header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3:
        return 0
    hertz = RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    coefficient, kilobits = 144 if version == 3 else 72, BITRATES[version == 3][bits]
    return coefficient * 1000 * kilobits // hertz + (header[2] >> 1 & 1)
