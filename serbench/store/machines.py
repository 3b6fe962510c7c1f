"""What a measurement was made on and with, and how a latency is recorded."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.store.schema import MachineRow

RECORDED = ("serbench", "torch", "torchaudio", "timm", "optuna", "numpy", "scikit-learn", "soxr")
"""Packages whose versions are kept with every study."""


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


@dataclass(frozen=True)
class LatencyFacts:
    """Milliseconds for one clip at batch size one, after warm-up, in a fresh process.

    How they part between front end and network is None where the runtime has no such parts, or
    where the times were measured elsewhere.
    """

    runtime: str
    threads: int
    runs: int
    p50: float
    p90: float
    p99: float
    front_end_p50: float | None
    front_end_p90: float | None
    network_p50: float | None
    network_p90: float | None


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


def machine_row(session: Session, machine: Machine) -> MachineRow:
    """The row of a machine, made where there is none."""
    row = session.scalar(select(MachineRow).where(MachineRow.fingerprint == machine.fingerprint))
    if row is None:
        row = MachineRow(fingerprint=machine.fingerprint, **asdict(machine))
        session.add(row)
        session.flush()
    return row


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result, and the commit of a checkout."""
    found = {"python": platform.python_version()}
    commit = _commit()
    if commit is not None:
        found["commit"] = commit
    for package in RECORDED:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@cache
def _commit() -> str | None:
    """The commit that serbench is checked out at, with a + where files were changed since."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*command: str) -> str:
    git = ["git", "-C", str(Path(__file__).parent), *command]
    printed = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603
    return printed.stdout.strip()
