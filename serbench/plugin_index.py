"""Which names each plugin registered when it was last imported.

Importing every plugin takes seconds, since most of them import PyTorch. The names that were
registered are therefore kept in the cache folder. They hold as long as nothing has changed that
they may depend on: the version of Python, the installed distributions and their versions, and the
Python files of the plugins' packages.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

Names = dict[str, list[str]]
"""Plugin → the names of what it registered, in their order."""

DISTRIBUTIONS = (".dist-info", ".egg-info")
"""Endings of the folders that installers write, whose names hold names and versions."""


class PluginIndex:
    """The names of each kind of thing that one environment's plugins register, one file a kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, kind: str, stamp: str) -> Names | None:
        """The names of a kind; None where they are not on record or something has changed.

        Args:
            kind: of thing.
            stamp: of the present plugins, from ``stamp_of``.
        """
        try:
            found = json.loads(self._file(kind).read_text(encoding="utf-8"))
            return dict(found["names"]) if found["stamp"] == stamp else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, kind: str, stamp: str, names: Names) -> None:
        """Keep the names of a kind; where the folder cannot be written to nothing is kept."""
        file = self._file(kind)
        beside = file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"stamp": stamp, "names": names}), encoding="utf-8")
            beside.replace(file)

    def forget(self, kind: str) -> None:
        """Remove the record of a kind."""
        with suppress(OSError):
            self._file(kind).unlink()

    def _file(self, kind: str) -> Path:
        """Environments that share a cache folder have a file each."""
        environment = _hash([sys.prefix])[:8]
        return self._folder / f"{kind.replace(' ', '_')}-{environment}.json"


def stamp_of(plugins: Iterable[Sequence[str]], modules: Iterable[str]) -> str:
    """Identifies everything that the names of some plugins may depend on.

    Args:
        plugins: name, package and version of each.
        modules: the module of each.
    """
    packages = sorted({module.partition(".")[0] for module in modules})
    return _hash(
        [
            sys.version,
            *("\t".join(each) for each in plugins),
            *_installed(sys.path),
            *(line for package in packages for line in _files(package)),
        ]
    )


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="backslashreplace")).hexdigest()


def _installed(folders: Iterable[str]) -> list[str]:
    """The distributions in some folders, by name and version."""
    found: list[str] = []
    for folder in dict.fromkeys(folders):
        with suppress(OSError):
            names = [path.name for path in Path(folder).iterdir()]
            found += sorted(name for name in names if name.endswith(DISTRIBUTIONS))
    return found


def _files(package: str) -> list[str]:
    """Path, time of change and size of each Python file of a package; it is not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    folders = list(spec.submodule_search_locations or ())
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    return [_line(path) for path in files or [Path(spec.origin or "")]]


def _line(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return str(path)
    return f"{path}\t{found.st_mtime_ns}\t{found.st_size}"
