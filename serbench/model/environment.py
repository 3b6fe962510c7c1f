"""The environment of a training: machine, device, library versions."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from serbench.model.machine import Machine, this_machine

RECORDED = ("serbench", "torch", "torchaudio", "timm", "optuna", "numpy", "scikit-learn", "soxr")
"""Packages whose versions are recorded with every study and every training."""


NUMERICAL = ("torch", "torchaudio", "timm", "numpy", "soxr", "cuda", "cudnn")
"""Packages of which another version may give other logits for the same seed."""


@dataclass(frozen=True)
class Environment:
    """What logits depend on, in addition to seed and compute settings.

    Attributes:
        machine: the computer.
        device: ``cpu``, or ``cuda`` with the name of the GPU.
        versions: package → version, with ``python``, the ``commit`` of a checkout, and on a GPU
            ``cuda`` and ``cudnn``.
    """

    machine: Machine
    device: str
    versions: Mapping[str, str]

    @property
    def decides_logits(self) -> dict[str, str]:
        """The parts that change logits: device, architecture, numerical libraries."""
        libraries = {name: self.versions[name] for name in NUMERICAL if name in self.versions}
        return {"device": self.device, "system": self.machine.system, **libraries}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Environment:
        """The environment from the result of ``as_dict``."""
        return cls(Machine(**data["machine"]), data["device"], dict(data["versions"]))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return {
            "machine": asdict(self.machine),
            "device": self.device,
            "versions": dict(self.versions),
        }


def this_environment() -> Environment:
    """The environment of trainings in this process."""
    import torch

    from serbench.model.training import pick_device

    device = pick_device()
    # torch's own version number includes the build, such as 2.5.1+cu124.
    found = {**versions(), "torch": str(torch.__version__)}
    if device.type != "cuda":
        return Environment(this_machine(), device.type, found)
    cudnn: Any = torch.backends.cudnn  # its functions have no types
    found |= {"cuda": str(torch.version.cuda), "cudnn": str(cudnn.version())}
    name = f"{device.type} {torch.cuda.get_device_name(device)}"
    return Environment(this_machine(), name, found)


def versions() -> dict[str, str]:
    """Versions of Python and of packages that results depend on, and the commit of a checkout."""
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
    """The commit of a checkout of serbench, followed by + where files were changed."""
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
