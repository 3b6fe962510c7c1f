"""Check files before they are opened: a FIFO may never end, and a huge file fills the memory."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

SPECIAL = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(mode: int) -> str | None:
    """The kind of a special file, such as ``a FIFO``; None for regular files and folders.

    Args:
        mode: ``st_mode`` of `os.stat`.
    """
    return next((name for is_kind, name in SPECIAL if is_kind(mode)), None)


LARGEST = 64_000_000
"""Bytes of the largest text file that is read, about 500,000 lines of a table."""


def check_regular(path: Path, largest: int | None = LARGEST) -> None:
    """Refuse a special or a huge file without opening it.

    Args:
        path: the file.
        largest: greatest number of bytes; None for files that are not read as a whole.

    Raises:
        OSError: it is a FIFO, a socket or a device, it is too large, or it is missing or cannot be
            read.
    """
    found = path.stat()
    kind = special_kind(found.st_mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
    if largest is not None and found.st_size > largest:
        size, most = (f"{size / 1e6:,.0f} MB" for size in (found.st_size, largest))
        raise OSError(errno.EFBIG, f"{size}, and at most {most} of such a file are read", str(path))


def is_file(path: Path) -> bool:
    """True for a regular file; False also if the system reports an error."""
    try:
        return path.is_file()
    except OSError:  # the name is too long, or a parent folder cannot be read
        return False


def is_folder(path: Path) -> bool:
    """True for a folder; False also if the system reports an error."""
    try:
        return path.is_dir()
    except OSError:
        return False
