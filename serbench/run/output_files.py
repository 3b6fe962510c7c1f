"""The files that an export writes: refused before minutes are spent on their content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from serbench.errors import StorageError, UsageError


def require_places(*paths: Path) -> None:
    """Refuse files that cannot all be written, before minutes are spent on their content.

    Raises:
        UsageError: two of them have the same path, or the folder of one is missing.
        StorageError: a folder does not accept files.
    """
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise UsageError(
                f"{path} would be written twice, since bench.py and the model card, which has the "
                "ending .md, are written beside the exported file: choose another name",
                path=path,
            )
        folder = path.absolute().parent
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}: make it first", path=path)
        if not os.access(folder, os.W_OK):
            raise StorageError(
                f"{path} cannot be written, since {folder} does not accept files: choose another "
                "place",
                path=path,
            )


def require_replaceable(marks: Mapping[Path, str]) -> None:
    """Refuse to replace files that no export has written.

    Args:
        marks: path → a text that every file has which an export writes there.

    Raises:
        UsageError: a file without its text has one of the paths.
    """
    for path, mark in marks.items():
        if path.is_file() and mark not in path.read_text("utf-8", errors="replace"):
            raise UsageError(
                f"{path} would be replaced, and was not written by an export: choose another name "
                "or folder for the exported file",
                path=path,
            )


def write_output(path: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}): choose another place", path=path
        ) from error
