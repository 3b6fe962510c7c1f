"""The files in some folders, and those that cannot be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.regular import special_kind
from serbench.errors import UsageError


@dataclass
class Listing:
    """The content of some folders.

    Attributes:
        files: regular files, and broken links, each once.
        unread: paths that cannot be read, with the reason: folders without permission, FIFOs,
            sockets and devices.
    """

    files: list[Path] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)


def without_steps_up(path: Path) -> Path:
    """A path without ``..``, so that each file has one path."""
    return path.resolve() if ".." in path.parts else path


def list_files(paths: Sequence[Path]) -> Listing:
    """All files in ``paths``, in the order of their names.

    Args:
        paths: folders in any nesting, or files.

    Raises:
        UsageError: one of ``paths`` does not exist or cannot be read.
    """
    listing = Listing()
    seen: set[Path] = set()
    for root in paths:
        try:
            root.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            advice = "give a folder of recordings or a table of recordings"
            raise UsageError(f"{root} does not exist: {advice}", path=root) from error
        except OSError as error:
            raise UsageError(
                f"{root} cannot be read ({error.strerror}): correct its permissions, or give "
                "another path",
                path=root,
            ) from error
        for path in sorted(_below(root.absolute(), listing.unread)):
            if path not in seen:
                seen.add(path)
                _sort_in(path, listing)
    return listing


def listing_hash(paths: Sequence[Path]) -> str:
    """A hash of names, sizes and times of all files in ``paths``, which are not opened.

    Raises:
        UsageError: as ``list_files``.
    """
    digest = hashlib.sha256()
    for path in list_files([without_steps_up(each) for each in paths]).files:
        try:
            facts = path.stat()
        except OSError:
            continue  # a broken link
        line = f"{path}\t{facts.st_size}\t{facts.st_mtime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _below(root: Path, unread: dict[Path, str]) -> list[Path]:
    if not root.is_dir():
        return [root]

    found: list[Path] = []
    entered = {_real(root)}
    folders = [root]
    while folders:  # os.walk has a limit of nesting
        folder = folders.pop()
        inner: list[Path] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (inner if _is_folder(entry) else found).append(Path(entry.path))
        except OSError as error:
            unread[folder] = f"a folder that cannot be read ({error.strerror})"
        for path in sorted(inner, reverse=True):  # each real folder once: links form cycles
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
    """A key of a folder that does not depend on the links in its path."""
    try:
        facts = folder.stat()
    except OSError:
        return folder
    return facts.st_dev, facts.st_ino


def _sort_in(path: Path, listing: Listing) -> None:
    try:
        kind = special_kind(path.stat().st_mode)
    except OSError:
        kind = None  # a broken link, which is reported when it is read
    if kind is None:
        listing.files.append(path)
    else:
        listing.unread[path] = f"{kind}, not a regular file"
