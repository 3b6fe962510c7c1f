"""What the header of a container declares of its samples, and what the file holds of them.

libsndfile believes such headers: of a WAV whose length was written too early it reads a part and
reports nothing. See the descriptions of RIFF (IBM and Microsoft 1991), RF64 (EBU Tech 3306), Wave64
(Sony 2003), AIFF (Apple 1989), CAF (Apple 2005) and AU (Sun 1992).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

STREAMED = 0x7F000000
"""From here on four bytes hold no length: into a pipe sox writes about as much, ffmpeg 2³²−1."""

CHUNKS = 1000
"""No recording has more chunks than that."""

PIECE = 1 << 20
"""Bytes that are compared with zeros at a time."""

PIECES = 64
"""After so many pieces of zeros no samples are looked for: 64 MB."""

TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
"""What music players append to any file."""


FOLLOWING = (
    *(b"LIST", b"list", b"fact", b"cue ", b"smpl", b"inst", b"bext", b"iXML", b"axml", b"PEAK"),
    *(b"id3 ", b"ID3 ", b"afsp", b"JUNK", b"junk", b"PAD ", b"FLLR", b"DISP", b"cart", b"_PMX"),
    *(b"NAME", b"ANNO", b"AUTH", b"(c) ", b"MARK", b"INST", b"COMT", b"APPL", b"CHAN", b"COMM"),
    *(b"info", b"free", b"uuid", b"strg", b"mark", b"peak"),
)
"""Chunks that programs write after the samples, perhaps cut themselves."""


@dataclass(frozen=True)
class Layout:
    """How a container is divided into chunks.

    Attributes:
        first: where its first chunk begins.
        length: format of a chunk's length, for ``struct``.
        samples: name of the chunk with the samples.
        overhead: bytes of that chunk that come before the samples.
        align: chunks begin at multiples of so many bytes.
        inclusive: True where a length counts the chunk's name and the length itself.
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
        """What the length of the chunk with the samples counts besides them."""
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
"""Sun's container has no chunks, but three numbers: magic, offset, length."""


@dataclass(frozen=True)
class Samples:
    """Where a file has its samples, in bytes.

    Attributes:
        start: where they begin.
        declared: how many bytes the header declares; None where it leaves that open.
        held: how many bytes follow in the file.
        field: where the length is written.
        layout: its format, for ``struct``.
        counted: what that length counts besides the samples.
    """

    start: int
    declared: int | None
    held: int
    field: int
    layout: str
    counted: int = 0

    @property
    def cut(self) -> bool:
        """True where the file ends before its samples do.

        One byte too many, and the length of the file in the place of that of its samples, are
        mistakes of the program that wrote the header.
        """
        if self.declared is None or self.declared <= self.held + 1:
            return False
        size = self.start + self.held
        return self.declared not in (size, size - 8)

    @property
    def difference(self) -> str:
        """How header and content differ, in one clause; empty where the header leaves it open."""
        if self.declared is None:
            return ""
        holds = f"the file holds {self.held:,}"
        return f"its header declares {self.declared:,} bytes of samples, {holds}"

    def mend(self, file: BinaryIO) -> None:
        """Have the header of a copy declare what the file holds."""
        file.seek(self.field)
        file.write(struct.pack(self.layout, self.held + self.counted))
        file.seek(0)


def misdeclared_samples(file: BinaryIO, size: int) -> Samples | None:
    """Where the samples are, if the header does not declare what the file holds of them.

    Whatever follows the declared samples is taken for samples too, unless it is chunks, a tag or
    nothing but zeros.

    Args:
        file: opened for reading bytes.
        size: of the file, in bytes.

    Returns:
        None where the header is true, and where the container is none of those known here.
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
    """Bytes of the ID3v2 tags that a file begins with."""
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
        if name == b"ds64":  # lengths too long for RF64's own chunks, that of the samples second
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
    """Where each chunk begins, its name, and its length as it is written."""
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
    """True where the rest of a file is chunks to its end, or one byte that fills up."""
    if size - at <= 1:
        return True
    for first in (_aligned(at, layout), at):  # not every program fills up
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
    """True where the rest of a file is a tag or zeros."""
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
    """A length, or None where it stands for one that was unknown when it was written."""
    unknown = length < 0 or length >= (STREAMED if layout[-1] == "I" else 1 << 62)
    return None if unknown else length
