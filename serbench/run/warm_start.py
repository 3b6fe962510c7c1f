"""Begin a study from a network that was trained here."""

from __future__ import annotations

from pathlib import Path

from serbench.errors import WeightsError
from serbench.model.backbone import Backbone
from serbench.store.artifacts import read_arrays, write_arrays
from serbench.store.database import Database
from serbench.store.schema import ArtifactRow
from serbench.store.systems import Systems, find_system, shipped_artifact
from serbench.workspace import Workspace

HEAD = "head."
"""Prefix of the head's arrays in a weights file."""


def warm_start(
    number: int,
    backbone: Backbone,
    emotions: tuple[str, ...],
    database: Database,
    workspace: Workspace,
) -> Path:
    """A weights file that a study of ``backbone`` can start from, made of an entry's network.

    Its head is kept where the entry was trained on the same emotions; for others it starts afresh.
    The file is recorded as an artifact whose parent is the entry's own.

    Args:
        number: of the entry.
        backbone: must be the entry's own.
        emotions: the label set of the study to come.
        database: where the entry is.
        workspace: where its weights are, and where the file is put.

    Raises:
        UsageError: no such entry.
        WeightsError: the entry is another backbone, or its weights are gone or were changed.
    """
    record = Systems(database).record(number)
    if record.plan.backbone != backbone.name:
        raise WeightsError(
            f"entry {number} is {record.plan.backbone}, not {backbone.name}: start from an entry "
            "of the same backbone",
            number=number,
            backbone=record.plan.backbone,
        )
    if record.emotions == emotions:
        path = workspace.artifacts / record.file
        read_arrays(path, record.sha256, number)  # it must be what was recorded
        return path
    state = read_arrays(workspace.artifacts / record.file, record.sha256, number)
    path = workspace.artifacts / (
        f"entry-{number}-{backbone.name}-without-head-{record.sha256[:8]}.safetensors"
    )
    kept = {name: array for name, array in state.items() if not name.startswith(HEAD)}
    sha256 = write_arrays(kept, path)
    with database.session() as session:
        parent = shipped_artifact(session, find_system(session, number))
        if session.query(ArtifactRow).filter_by(file=path.name).one_or_none() is None:
            session.add(
                ArtifactRow(
                    file=path.name,
                    sha256=sha256,
                    part="network",
                    backbone=backbone.name,
                    began_from=parent.began_from,
                    split_id=parent.split_id,
                    parent=parent,
                )
            )
    return path
