"""Begin a study with the weights of an entry."""

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
    """A file with an entry's network as initial weights for a study of ``backbone``.

    Its head is kept if the entry was trained on the same emotions, otherwise the head begins with
    random weights. The file is recorded as an artifact with the entry's artifact as its parent.

    Args:
        number: number of the entry.
        backbone: the backbone of the entry.
        emotions: the label set of the new study.
        database: the database with the entry.
        workspace: folder of its weights and of the new file.

    Raises:
        UsageError: there is no such entry.
        WeightsError: the entry has another backbone, or its weights are missing or were changed.
    """
    record = Systems(database).record(number)
    if record.plan.backbone != backbone.name:
        raise WeightsError(
            f"entry {number} has the backbone {record.plan.backbone}, not {backbone.name}: give "
            "--weights entry:N with an entry of the same backbone",
            number=number,
            backbone=record.plan.backbone,
        )
    if record.emotions == emotions:
        path = workspace.artifacts / record.file
        read_arrays(path, record.sha256, number)  # checks the recorded hash
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
