"""Weights files beside the database, which are identified by their content and have a lineage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from serbench.data.names import printable, shortened
from serbench.errors import StorageError, WeightsError
from serbench.store.schema import ArtifactRow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[np.generic]]


@event.listens_for(ArtifactRow, "load")
def _check_loaded(artifact: ArtifactRow, _: object) -> None:
    if artifact.file is not None:
        check_file_name(artifact.file)


def check_file_name(name: str) -> str:
    """The name of an artifact's file, which must not leave the artifacts folder.

    Raises:
        StorageError: a changed database names a file elsewhere.
    """
    if Path(name).name != name or "\\" in name or name in ("", ".."):
        raise StorageError(
            f"the database names a weights file '{shortened(printable(name))}' outside of its "
            "artifacts folder, and serbench writes no such names: use another copy of the database",
            file=name,
        )
    return name


def hash_of(arrays: Arrays) -> str:
    """SHA-256 of the safetensors file that ``write_arrays`` makes of these arrays."""
    import safetensors.numpy

    return hashlib.sha256(safetensors.numpy.save(dict(arrays))).hexdigest()


def write_arrays(arrays: Arrays, path: Path) -> str:
    """Write named arrays to a safetensors file, completely or not at all.

    When it returns, the file and its name are on the disk, so that a row may refer to it.

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
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"the trained weights cannot be written to {path.parent} ({error.strerror}): free some "
            "space there, or choose another place for the database with --db",
            path=path.parent,
        ) from error
    return hashlib.sha256(content).hexdigest()


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, which Windows does itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def is_intact(path: Path, sha256: str) -> bool:
    """True where a weights file exists and has the recorded content."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def read_arrays(path: Path, sha256: str, entry: int | None = None) -> dict[str, Any]:
    """The named arrays of a recorded weights file.

    Args:
        path: path of the file.
        sha256: recorded hash of its content.
        entry: number of the entry that the file belongs to, for the message.

    Raises:
        WeightsError: the file is missing, or does not have the recorded content.
    """
    import safetensors.numpy

    remedy = f"`serbench study reproduce {entry or 'ENTRY'}` trains them again"
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: {remedy}", path=path, entry=entry)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(
            f"{path} does not contain the recorded weights: {remedy}", path=path, entry=entry
        )
    return safetensors.numpy.load(content)


def artifact_of_file(session: Session, path: Path) -> ArtifactRow | None:
    """The artifact of a weights file, found by its content; None where it was not trained here."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    query = select(ArtifactRow).where(ArtifactRow.sha256 == sha256).order_by(ArtifactRow.id)
    return session.scalars(query).first()


def ancestors(artifact: ArtifactRow) -> Iterator[ArtifactRow]:
    """An artifact, the artifact it was trained from, and so on."""
    current: ArtifactRow | None = artifact
    while current is not None:
        yield current
        current = current.parent


def forget_file(artifact: ArtifactRow, folder: Path) -> None:
    """Delete an artifact's file; its row, and with it its lineage, is kept."""
    if artifact.file is not None:
        (folder / artifact.file).unlink(missing_ok=True)
        artifact.file = None
