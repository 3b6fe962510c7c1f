"""The weights files of a merged database, and their rows with their lineage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.errors import StorageError
from serbench.store.artifacts import is_intact, sync_folder
from serbench.store.merging_data import DataMerger, copied
from serbench.store.schema import ArtifactRow, SystemRow


class FileMerger:
    """Copies weights files before the rows that name them.

    Args:
        artifacts: folder of the database that receives them.
        other: folder of the other database.

    Attributes:
        copied: number of copied files.
        lost: names of files that the other database names and does not have.
    """

    def __init__(self, artifacts: Path, other: Path) -> None:
        self._artifacts, self._other = artifacts, other
        self.copied = 0
        self.lost: list[str] = []

    def rows(
        self,
        source: Session,
        target: Session,
        systems: Mapping[int, SystemRow],
        data: DataMerger,
    ) -> None:
        """Add the artifacts of the other database that are not here, parents first.

        Args:
            source: session of the other database.
            target: session of this database.
            systems: id of each system of the other database → the same system here.
            data: finds the splits.

        Raises:
            StorageError: a file cannot be written.
        """
        here: dict[int, ArtifactRow] = {}
        for artifact in source.scalars(select(ArtifactRow).order_by(ArtifactRow.id)):
            system = None
            if artifact.system_id is not None:
                if artifact.system_id not in systems:
                    continue  # of a trial that was not added
                system = systems[artifact.system_id].id
            place = {"system_id": system, "split_id": data.split(artifact.split)}
            same = {**place, "sha256": artifact.sha256, "part": artifact.part}
            row = target.scalars(select(ArtifactRow).filter_by(**same)).first()
            if row is None:
                parent = here.get(artifact.parent_id or 0)
                row = copied(
                    artifact,
                    **place,
                    file=self._copy(target, artifact),
                    parent_id=None if parent is None else parent.id,
                )
                target.add(row)
                target.flush()
            here[artifact.id] = row
        if self.copied:
            sync_folder(self._artifacts)

    def _copy(self, target: Session, artifact: ArtifactRow) -> str | None:
        """Copy an artifact's file; returns its name here."""
        if artifact.file is None:
            return None
        name = artifact.file
        if target.scalar(select(ArtifactRow.id).filter_by(file=name)) is not None:
            stem, _, suffix = name.rpartition(".")
            name = f"{stem}-{artifact.sha256[:8]}.{suffix}"
            if target.scalar(select(ArtifactRow.id).filter_by(file=name)) is not None:
                return None  # another row has this very file
        source, path = self._other / artifact.file, self._artifacts / name
        if not is_intact(source, artifact.sha256):
            self.lost.append(artifact.file)
            return name
        if is_intact(path, artifact.sha256):
            return name
        try:
            self._artifacts.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.part")
            shutil.copyfile(source, draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}): free some space there",
                path=path,
            ) from error
        self.copied += 1
        return name
