"""Ctrl-C, however often it is pressed, interrupts a command once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME = 5.0
"""Seconds in which a further Ctrl-C is the same one: what it interrupted is being ended."""


@contextmanager
def interrupted_once(ends: bool) -> Iterator[None]:
    """Raise one KeyboardInterrupt for many Ctrl-C, so that none meets what cleans up after it.

    Where Ctrl-C does something else already, or in another thread, it is left as it is.

    Args:
        ends: True where the process ends afterwards; no Ctrl-C is of any interest to it then.
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
