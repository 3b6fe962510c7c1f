"""One Ctrl-C ends a command, also where a library discards the exception."""

import os
import signal
import time

import pytest

from serbench.cli.interrupts import interrupted_once


@pytest.fixture(autouse=True)
def _default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    """Press Ctrl-C and give the handler time to run."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


def discarding():
    """Do what some libraries do while they are being imported."""
    try:
        press()
    except BaseException:  # noqa: BLE001
        return True
    return False


def test_an_interruption_that_a_library_discards_is_raised_again():
    def goes_on():
        with interrupted_once(ends=False):
            assert discarding()
            for _ in range(100):
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        goes_on()


def test_further_presses_do_not_interrupt_the_cleaning_up():
    cleaned = []

    def cleans_up():
        with interrupted_once(ends=False):
            try:
                press()
            finally:
                for _ in range(5):
                    press()
                    cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        cleans_up()
    assert len(cleaned) == 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_others_is_kept():
    own = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupted_once(ends=True):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        press()
    signal.signal(signal.SIGINT, own)


def test_nothing_is_raised_after_the_end():
    with interrupted_once(ends=False):
        pass
    with pytest.raises(KeyboardInterrupt):
        press()
