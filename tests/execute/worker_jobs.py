"""Jobs for workers, in an importable module, and functions that wait for them."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from serbench.execute.executor import Channel
from serbench.execute.fold import run_fold


def report(job, context, channel):
    channel.send(f"{job} begins")
    channel.send(f"{job} ends")
    return job, os.getpid()


def fail(job, context, channel):
    raise job


def die(job, context, channel):
    os.kill(os.getpid(), signal.SIGKILL)


def read_beyond(job, context, channel):
    """Read from a map of a file that was truncated in the meantime."""
    job.write_bytes(bytes(1 << 20))
    mapped = np.memmap(job, np.uint8, "r")
    os.truncate(job, 0)
    return int(mapped.sum())


def die_once(job, context, channel):
    if not job.exists():
        job.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def until_cancelled(job, context, channel):
    job.touch()
    while True:
        channel.check()
        time.sleep(0.01)


def ignores_cancellation(job, context, channel):
    """Never check whether it is cancelled; append the process to a file."""
    with job.open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(20)


def interrupts_are_ignored(job, context, channel):
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def blocks_are_kept(job, context, channel):
    """Whether a large block is in the heap, and not in a separate map.

    After madvise for some pages, the heap is listed in several parts.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    block = libc.malloc(64 << 20)
    maps = Path("/proc/self/maps").read_text().splitlines()
    heap = [line.split()[0].split("-") for line in maps if line.endswith("[heap]")]
    return any(int(start, 16) <= block < int(end, 16) for start, end in heap)


def is_imported(job, context, channel):
    return job in sys.modules


def digest(job, context, channel):
    material = context.material(job)
    return material.manifest.hash, int(material.clips.waveforms.astype(np.int64).sum())


def grows(job, context, channel):
    """Use more memory than loky's limit for leaks; returns the process."""
    KEPT.append(np.ones(job << 20, np.uint8))
    return os.getpid()


KEPT = []


class Strange(Exception):  # noqa: N818
    """Can be pickled but not unpickled."""

    def __init__(self, one, two):
        super().__init__(one)


def strange(job, context, channel):
    raise Strange("odd", "number")


def ignore(message):
    """Discard a message."""


def result_of(executor, function, job=None, receive=ignore):
    future = executor.submit(function, job, receive)
    executor.wait([future])
    return future.result()


def until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fold_dying_once(job, context, channel):
    """Train a fold, but kill the process in the middle of the first training."""
    fold, died = job

    def send(message):
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        channel.send(message)

    return run_fold(fold, context, Channel(send))


def array_of(job, context, channel):
    """Whether the clips are a read-only view of memory of another process."""
    flags = context.material(job).clips.waveforms.flags
    return not flags.owndata and not flags.writeable
