"""The number of samples that the header of a container declares, and the actual number.

libsndfile uses the declared number: if the length of a WAV was written too early, it reads a part
of the samples without an error. See the descriptions of RIFF (IBM and Microsoft 1991), RF64 (EBU
Tech 3306), Wave64 (Sony 2003), AIFF (Apple 1989), CAF (Apple 2005) and AU (Sun 1992).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

STREAMED = 0x7F000000
"""Larger values of four bytes are no length: sox writes about this value into a pipe, ffmpeg 2³²−1.
"""

CHUNKS = 1000
"""Largest number of chunks of a recording."""

PIECE = 1 << 20
"""Bytes that are compared with zeros at a time."""

PIECES = 64
"""After so many pieces of zeros, 64 MB, no samples are searched for."""

TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
"""Beginnings of tags that music players append to any file."""


FOLLOWING = (
    *(b"LIST", b"list", b"fact", b"cue ", b"smpl", b"inst", b"bext", b"iXML", b"axml", b"PEAK"),
    *(b"id3 ", b"ID3 ", b"afsp", b"JUNK", b"junk", b"PAD ", b"FLLR", b"DISP", b"cart", b"_PMX"),
    *(b"NAME", b"ANNO", b"AUTH", b"(c) ", b"MARK", b"INST", b"COMT", b"APPL", b"CHAN", b"COMM"),
    *(b"info", b"free", b"uuid", b"strg", b"mark", b"peak"),
)
"""Chunks that programs write after the samples; they may be truncated."""


@dataclass(frozen=True)
class Layout:
    """The layout of the chunks of a container.

    Attributes:
        first: offset of its first chunk.
        length: format of a chunk's length, for ``struct``.
        samples: name of the chunk with the samples.
        overhead: bytes of that chunk before the samples.
        align: chunks begin at multiples of so many bytes.
        inclusive: True if a length includes the chunk's name and the length itself.
    """

    first: int
    length: str
    samples: bytes
    overhead: int = 0
    align: int = 2
    inclusive: bool = False

    @property
    def header(self) -> int:
        """Bytes of a chunk's name and length."""
        return len(self.samples) + struct.calcsize(self.length)

    @property
    def counted(self) -> int:
        """Bytes that the length of the chunk with the samples includes in addition to them."""
        return self.overhead + (self.header if self.inclusive else 0)


RIFF = Layout(12, "<I", b"data")
AIFF = Layout(12, ">I", b"SSND", overhead=8)
W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
LAYOUTS = {
    b"RIFFWAVE": RIFF,
    b"RF64WAVE": RIFF,
    b"RIFXWAVE": Layout(12, ">I", b"data"),
    b"FORMAIFF": AIFF,
    b"FORMAIFC": AIFF,
    b"caff": Layout(8, ">q", b"data", overhead=4, align=1),
    b"riff": Layout(40, "<Q", W64_DATA, align=8, inclusive=True),
}
"""By the first and the third four bytes of a file, or by the first four."""

AU = {b".snd": ">I", b"dns.": "<I"}
"""Sun's container has three numbers instead of chunks: magic number, offset, length."""


@dataclass(frozen=True)
class Samples:
    """The place of the samples in a file, in bytes.

    Attributes:
        start: offset of the first sample.
        declared: number of bytes that the header declares; None if it declares no number.
        held: number of bytes that follow in the file.
        field: offset of the length.
        layout: format of the length, for ``struct``.
        counted: bytes that the length includes in addition to the samples.
    """

    start: int
    declared: int | None
    held: int
    field: int
    layout: str
    counted: int = 0

    @property
    def cut(self) -> bool:
        """True if the file ends before its declared samples.

        One byte too many, or the length of the file instead of the length of the samples, is a
        mistake of the program that wrote the header, so the file is complete.
        """
        if self.declared is None or self.declared <= self.held + 1:
            return False
        size = self.start + self.held
        return self.declared not in (size, size - 8)

    @property
    def difference(self) -> str:
        """The difference of header and content as text; empty if the header declares no number."""
        if self.declared is None:
            return ""
        actual = f"the file has {self.held:,}"
        return f"its header declares {self.declared:,} bytes of samples, {actual}"

    def correct(self, file: BinaryIO) -> None:
        """Write the actual number of bytes into the header of a copy."""
        file.seek(self.field)
        file.write(struct.pack(self.layout, self.held + self.counted))
        file.seek(0)


def misdeclared_samples(file: BinaryIO, size: int) -> Samples | None:
    """The place of the samples, if the header declares a wrong number of them.

    Data after the declared samples count as samples too, unless they are chunks, a tag or only
    zeros.

    Args:
        file: opened for reading bytes.
        size: of the file, in bytes.

    Returns:
        None if the header is correct, or if the container has none of the layouts in this module.
    """
    file.seek(0)
    head = file.read(12)
    layout = LAYOUTS.get(head[:4] + head[8:]) or LAYOUTS.get(head[:4])
    found = _in_au(head, size) if layout is None else _in_chunks(file, size, layout)
    if found is None or found.declared == found.held or found.held < 0:
        return None
    if found.declared is not None and found.declared < found.held:
        end = found.start + found.declared
        if _only_padding(file, end) or (layout and _only_chunks(file, size, end, layout)):
            return None
    return found


def tag_bytes(content: bytes) -> int:
    """Number of bytes of the ID3v2 tags at the beginning of a file."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = 0
        for part in content[at + 6 : at + 10]:
            size = size << 7 | part & 0x7F
        at += 10 + size
    return at


def _in_au(head: bytes, size: int) -> Samples | None:
    if len(head) < 12 or head[:4] not in AU:
        return None
    layout = AU[head[:4]]
    start, length = struct.unpack(layout + layout[-1], head[4:])
    return Samples(start, _known(length, layout), size - start, 8, layout)


def _in_chunks(file: BinaryIO, size: int, layout: Layout) -> Samples | None:
    long = None
    for at, name, length in _chunks(file, size, layout.first, layout):
        content = at + layout.header
        if name == b"ds64":  # the lengths of RF64 with 64 bits; that of the samples is the second
            file.seek(content + 8)
            long = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
            long_field = content + 8
        if name == layout.samples:
            start, counted = content + layout.overhead, layout.counted
            field, kind = at + len(name), layout.length
            if long is not None and length == 0xFFFFFFFF:
                field, kind, length = long_field, "<Q", long
            known = _known(length, kind)
            declared = None if known is None else max(0, known - counted)
            return Samples(start, declared, size - start, field, kind, counted)
    return None


def _chunks(file: BinaryIO, size: int, at: int, layout: Layout) -> Iterator[tuple[int, bytes, int]]:
    """Offset, name and written length of each chunk."""
    for _ in range(CHUNKS):
        file.seek(at)
        head = file.read(layout.header)
        if len(head) < layout.header:
            return
        name = head[: len(layout.samples)]
        (length,) = struct.unpack(layout.length, head[len(name) :])
        yield at, name, length
        content = length - layout.header if layout.inclusive else length
        if content < 0 or at + layout.header + content > size:
            return
        at = _aligned(at + layout.header + content, layout)


def _only_chunks(file: BinaryIO, size: int, at: int, layout: Layout) -> bool:
    """True if the rest of a file consists of chunks, or of one byte of padding."""
    if size - at <= 1:
        return True
    for first in (_aligned(at, layout), at):  # some programs omit the padding
        reached = None
        for begin, name, length in _chunks(file, size, first, layout):
            if name[:4] in FOLLOWING:
                return True
            if not all(32 <= letter < 127 for letter in name[:4]):
                break
            content = length - layout.header if layout.inclusive else length
            reached = _aligned(begin + layout.header + content, layout)
        if reached is not None and size - layout.header < reached <= size + layout.align:
            return True
    return False


def _only_padding(file: BinaryIO, at: int) -> bool:
    """True if the rest of a file is a tag or zeros."""
    file.seek(at)
    zeros = bytes(PIECE)
    for number in range(PIECES):
        block = file.read(PIECE)
        if number == 0 and block.startswith(TAGS):
            return True
        if block != zeros[: len(block)]:
            return False
    return True


def _aligned(at: int, layout: Layout) -> int:
    return -(-at // layout.align) * layout.align


def _known(length: int, layout: str) -> int | None:
    """A length, or None if its value marks a length that was unknown when it was written."""
    unknown = length < 0 or length >= (STREAMED if layout[-1] == "I" else 1 << 62)
    return None if unknown else length
