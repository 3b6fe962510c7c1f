"""Weights files beside the database: written whole, identified by content, with their lineage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.errors import StorageError, WeightsError
from serbench.store.schema import ArtifactRow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[np.generic]]


def write_arrays(arrays: Arrays, path: Path) -> str:
    """Write named arrays as safetensors, whole or not at all.

    When this returns, file and name are on the disk: a row that refers to them may be written.

    Returns:
        SHA-256 of the file.

    Raises:
        StorageError: the folder cannot be written to.
    """
    import safetensors.numpy

    content = safetensors.numpy.save(dict(arrays))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.part")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot take the trained weights ({error.strerror}): make room there "
            "or keep the database elsewhere with --db",
            path=path.parent,
        ) from error
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; Windows opens no folders and keeps names itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def is_intact(path: Path, sha256: str) -> bool:
    """True where a weights file is there and is the one that was recorded."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def read_arrays(path: Path, sha256: str, entry: int | None = None) -> dict[str, Any]:
    """The named arrays of a recorded weights file.

    Args:
        path: of the file.
        sha256: as recorded.
        entry: number of the entry that the file belongs to, for the message.

    Raises:
        WeightsError: the file is missing, or is not the one that was recorded.
    """
    import safetensors.numpy

    remedy = f"`serbench study reproduce {entry or 'ENTRY'}` trains them again"
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: {remedy}", path=path, entry=entry)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(
            f"{path} does not hold the weights that were recorded: {remedy}", path=path, entry=entry
        )
    return safetensors.numpy.load(content)


def artifact_of_file(session: Session, path: Path) -> ArtifactRow | None:
    """The artifact that a weights file is, by its content; None where it was not trained here."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    query = select(ArtifactRow).where(ArtifactRow.sha256 == sha256).order_by(ArtifactRow.id)
    return session.scalars(query).first()


def ancestors(artifact: ArtifactRow) -> Iterator[ArtifactRow]:
    """An artifact, what it began from, and so on."""
    current: ArtifactRow | None = artifact
    while current is not None:
        yield current
        current = current.parent


def forget_file(artifact: ArtifactRow, folder: Path) -> None:
    """Delete an artifact's file; its row, and so its lineage, stays."""
    if artifact.file is not None:
        (folder / artifact.file).unlink(missing_ok=True)
        artifact.file = None
