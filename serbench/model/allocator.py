"""Settings of glibc's allocator for training."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
ONE_GIGABYTE = 1 << 30


def keep_freed_memory() -> None:
    """Make this process reuse large blocks (``mallopt(3)``); without glibc do nothing.

    By default, in every training step the kernel maps and clears new memory for every tensor above
    32 MB.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl does not have it
        return
    mallopt(M_MMAP_THRESHOLD, ONE_GIGABYTE)
    mallopt(M_TRIM_THRESHOLD, ONE_GIGABYTE)
