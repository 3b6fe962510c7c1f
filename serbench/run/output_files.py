"""The files that an export writes: refused before minutes are spent on their content."""

from __future__ import annotations

import os
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
