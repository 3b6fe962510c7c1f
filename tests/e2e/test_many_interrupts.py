"""Ctrl-C, pressed many times in a second, ends a command once, without a traceback."""

import os
import signal
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")


def press(running, times, pause):
    """A terminal sends Ctrl-C to all processes of the group."""
    for _ in range(times):
        if running.process.poll() is not None:
            return
        os.killpg(running.process.pid, signal.SIGINT)
        time.sleep(pause)


@pytest.mark.parametrize("pause", [0.001, 0.02, 0.1])
@pytest.mark.parametrize("moment", [r"homebrew · mel", r"trial 1/2 fold 1/2: UA "])
def test_many_interrupts_end_a_study_like_one(place, moment, pause):
    running = place.start(start_new_session=True)
    running.wait_for(moment)
    press(running, 30, pause)
    said = running.process.communicate(timeout=60)[1]
    assert running.process.returncode == 130, said
    assert said.count("interrupted") == 1
    for trace in ("Traceback", "KeyboardInterrupt", "Exception ignored"):
        assert trace not in said, said
