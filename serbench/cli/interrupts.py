"""Ctrl-C interrupts a command once, even if it is pressed several times."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME = 5.0
"""Within so many seconds, further Ctrl-C are ignored, since the command is already ending."""


@contextmanager
def interrupted_once(ends: bool) -> Iterator[None]:
    """Raise one KeyboardInterrupt for many Ctrl-C, so that none interrupts the cleaning up.

    Nothing changes where Ctrl-C has another handler, nor outside of the main thread.

    Args:
        ends: True where the process ends afterwards; any further Ctrl-C is then ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    here = threading.current_thread() is threading.main_thread()
    if not here or before is not signal.default_int_handler:
        yield
        return
    last = -SAME

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last < SAME:
            return
        last = time.monotonic()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ends else before)
