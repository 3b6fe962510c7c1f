"""An index of the names that each plugin registered when it was last imported.

Importing every plugin takes seconds, since most of them import PyTorch. The names that were
registered are therefore stored in the cache folder. They are used as long as everything that they
may depend on is unchanged: the version of Python, the installed distributions and their versions,
and the Python files of the plugins' packages.
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
"""Plugin → the names of the objects that it registered, in their order."""

DISTRIBUTIONS = (".dist-info", ".egg-info")
"""Suffixes of folders written by installers; their names contain name and version."""


class PluginIndex:
    """The registered names of the plugins in one environment, in one file for each kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, kind: str, stamp: str) -> Names | None:
        """The names of a kind; None if they are not stored or the stamp has changed.

        Args:
            kind: kind of the objects.
            stamp: stamp of the installed plugins, from ``stamp_of``.
        """
        try:
            found = json.loads(self._file(kind).read_text(encoding="utf-8"))
            return dict(found["names"]) if found["stamp"] == stamp else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, kind: str, stamp: str, names: Names) -> None:
        """Store the names of a kind, unless the folder cannot be written to."""
        file = self._file(kind)
        beside = file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"stamp": stamp, "names": names}), encoding="utf-8")
            beside.replace(file)

    def forget(self, kind: str) -> None:
        """Remove the stored names of a kind."""
        with suppress(OSError):
            self._file(kind).unlink()

    def _file(self, kind: str) -> Path:
        """The file of a kind, which differs between environments with the same cache folder."""
        environment = _hash([sys.prefix])[:8]
        return self._folder / f"{kind.replace(' ', '_')}-{environment}.json"


def stamp_of(plugins: Iterable[Sequence[str]], modules: Iterable[str]) -> str:
    """A hash of everything that the names registered by these plugins may depend on.

    Args:
        plugins: name, package and version of each plugin.
        modules: module of each plugin.
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
    """Name and version of each distribution in these folders."""
    found: list[str] = []
    for folder in dict.fromkeys(folders):
        with suppress(OSError):
            names = [path.name for path in Path(folder).iterdir()]
            found += sorted(name for name in names if name.endswith(DISTRIBUTIONS))
    return found


def _files(package: str) -> list[str]:
    """Path, modification time and size of each Python file of a package, without importing it."""
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
