"""The files under some folders, and what among them cannot be looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.regular import special_kind
from serbench.errors import UsageError


@dataclass
class Listing:
    """What lies under some folders.

    Attributes:
        files: regular files, and links that lead to none, each once.
        unread: what cannot be read, with the reason: folders that may not be entered, FIFOs,
            sockets and devices.
    """

    files: list[Path] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)


def without_steps_up(path: Path) -> Path:
    """A path without ``..``, so that a file has one name however it is reached."""
    return path.resolve() if ".." in path.parts else path


def list_files(paths: Sequence[Path]) -> Listing:
    """Every file under ``paths``, in the order of their names.

    Args:
        paths: folders in any nesting, or files.

    Raises:
        UsageError: one of ``paths`` does not exist or may not be looked at.
    """
    listing = Listing()
    seen: set[Path] = set()
    for root in paths:
        try:
            root.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            advice = "name a folder of recordings or a CSV table"
            raise UsageError(f"{root} does not exist: {advice}", path=root) from error
        except OSError as error:
            raise UsageError(f"{root} cannot be read ({error.strerror})", path=root) from error
        for path in sorted(_below(root.absolute(), listing.unread)):
            if path not in seen:
                seen.add(path)
                _sort_in(path, listing)
    return listing


def _below(root: Path, unread: dict[Path, str]) -> list[Path]:
    if not root.is_dir():
        return [root]

    found: list[Path] = []
    entered = {_real(root)}
    folders = [root]
    while folders:  # not os.walk, which has a limit of nesting
        folder = folders.pop()
        inner: list[Path] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (inner if _is_folder(entry) else found).append(Path(entry.path))
        except OSError as error:
            unread[folder] = f"a folder that may not be entered ({error.strerror})"
        for path in sorted(inner, reverse=True):  # each real folder once: links may be circular
            real = _real(path)
            if real not in entered:
                entered.add(real)
                folders.append(path)
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _real(folder: Path) -> tuple[int, int] | Path:
    """What tells a folder from all others, however it is reached."""
    try:
        facts = folder.stat()
    except OSError:
        return folder
    return facts.st_dev, facts.st_ino


def _sort_in(path: Path, listing: Listing) -> None:
    try:
        kind = special_kind(path.stat().st_mode)
    except OSError:
        kind = None  # a link to nowhere, which reading it names so
    if kind is None:
        listing.files.append(path)
    else:
        listing.unread[path] = f"{kind}, not a regular file"
