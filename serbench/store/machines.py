"""What a measurement was made on and with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


def this_machine() -> Machine:
    """The machine this process runs on."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    return Machine(_cpu_name(), cores, f"{platform.system()} {platform.machine()}")


def _cpu_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
    said = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603
    return said.stdout.strip()
