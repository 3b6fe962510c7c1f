"""Ctrl-C interrupts a command once, even if it is pressed several times."""

from __future__ import annotations

import _thread
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME = 5.0
"""Within so many seconds, further Ctrl-C are ignored, since the command is already ending."""

AGAIN = 0.05
"""After so many seconds, an interruption that a library has discarded is raised again."""


class Interrupted(KeyboardInterrupt):
    """The one interruption of a command; a class of our own can be referred to weakly."""


@contextmanager
def interrupted_once(ends: bool) -> Iterator[None]:
    """Raise one KeyboardInterrupt for many Ctrl-C, so that none interrupts the cleaning up.

    Some libraries discard any exception that is raised while they are being imported. The exception
    then no longer exists although nothing has caught it here, and it is raised again.

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
    raised: weakref.ref[Interrupted] | None = None

    def discarded(_: weakref.ref[Interrupted]) -> None:
        nonlocal last
        last = -SAME
        # This callback discards exceptions too, so the next one is raised after its end.
        threading.Timer(AGAIN, _thread.interrupt_main).start()

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last, raised
        if time.monotonic() - last < SAME:
            return
        last = time.monotonic()
        interruption = Interrupted()
        raised = weakref.ref(interruption, discarded)
        try:
            raise interruption
        finally:
            del interruption  # this frame, which its traceback holds, must not keep it

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ends else before)
        raised = None  # a reference that is gone calls nothing
