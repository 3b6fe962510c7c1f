"""Weights files beside the database: written whole, identified by content, with their lineage."""

from __future__ import annotations

import hashlib
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
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot take the trained weights ({error.strerror}): make room there "
            "or keep the database elsewhere with --db",
            path=path.parent,
        ) from error
    return hashlib.sha256(content).hexdigest()


def read_arrays(path: Path, sha256: str) -> dict[str, Any]:
    """The named arrays of a recorded weights file.

    Raises:
        WeightsError: the file is missing, or is not the one that was recorded.
    """
    import safetensors.numpy

    if not path.is_file():
        raise WeightsError(
            f"the weights of this entry are missing: {path}; run its study again", path=path
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(
            f"{path} is not what was trained: its hash differs; run the study again", path=path
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
