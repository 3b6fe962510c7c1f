"""Keep glibc from giving memory back that the next batch will ask for again."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
ONE_GIGABYTE = 1 << 30


def keep_freed_memory() -> None:
    """Let this process reuse large blocks, by ``mallopt(3)``; elsewhere than on glibc do nothing.

    By default every tensor above 32 MB is mapped afresh and cleared by the kernel, in every step of
    a training.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return
    mallopt(M_MMAP_THRESHOLD, ONE_GIGABYTE)
    mallopt(M_TRIM_THRESHOLD, ONE_GIGABYTE)
