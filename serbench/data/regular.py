"""Files that are opened only where they are regular: a FIFO would be waited for without end."""

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
    """What a file is that cannot simply be read, such as ``a FIFO``; None where it can.

    Args:
        mode: as `os.stat` gives it.
    """
    return next((name for is_kind, name in SPECIAL if is_kind(mode)), None)


def check_regular(path: Path) -> None:
    """Refuse what is neither a regular file nor a folder, without opening it.

    Raises:
        OSError: it is a FIFO, a socket or a device; it is missing or may not be looked at.
    """
    kind = special_kind(path.stat().st_mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))


def is_file(path: Path) -> bool:
    """True for a regular file; False also where the system does not tell."""
    try:
        return path.is_file()
    except OSError:  # too long a name, or under a folder that may not be entered
        return False


def is_folder(path: Path) -> bool:
    """True for a folder; False also where the system does not tell."""
    try:
        return path.is_dir()
    except OSError:
        return False
