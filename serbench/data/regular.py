"""Check that files are regular before they are opened, since reading a FIFO may never end."""

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


def check_regular(path: Path) -> None:
    """Refuse a special file without opening it.

    Raises:
        OSError: it is a FIFO, a socket or a device, or it is missing or cannot be read.
    """
    kind = special_kind(path.stat().st_mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))


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
