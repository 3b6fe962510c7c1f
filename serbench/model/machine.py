"""The computer that something was trained or timed on."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Machine:
    """A computer, as far as it matters for latency.

    Attributes:
        cpu: the processor's name.
        cores: logical cores this process may use.
        system: operating system and architecture.
    """

    cpu: str
    cores: int
    system: str

    @property
    def fingerprint(self) -> str:
        """The same for machines whose latencies may be compared."""
        text = f"{self.cpu}|{self.cores}|{self.system}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """For people: processor and cores."""
        return f"{self.cpu}, {self.cores} {'core' if self.cores == 1 else 'cores'}"


def this_machine() -> Machine:
    """The machine this process runs on."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    return Machine(_cpu_name(), cores, f"{platform.system()} {platform.machine()}")


@cache
def _cpu_name() -> str:
    # It asks the processor in child processes, which takes a second: only who measures waits.
    import cpuinfo

    name = cpuinfo.get_cpu_info().get("brand_raw")
    return str(name or platform.processor() or platform.machine())
