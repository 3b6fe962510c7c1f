"""The peak memory of this process, and a limit of it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_megabytes() -> float:
    """Peak memory of this program in megabytes.

    On Linux ``ru_maxrss`` includes the memory of the process before it executed this program.
    """
    if STATUS.exists():
        [line] = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1000
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (1_000_000 if sys.platform == "darwin" else 1000)


def limit_memory(megabytes: int) -> None:
    """Let this process take only so much memory in addition to what it has.

    More than that is a MemoryError, or the end of the process, so that the machine has memory left.
    """
    if STATUS.exists():
        [line] = [line for line in STATUS.read_text().splitlines() if line.startswith("VmData:")]
        most = int(line.split()[1]) * 1024 + megabytes * 1_000_000
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
