"""Begin a study from a network that was trained here."""

from __future__ import annotations

from pathlib import Path

from serbench.deploy.network import check_weights, save_weights
from serbench.errors import WeightsError
from serbench.model.backbone import NO_WEIGHTS, Backbone
from serbench.model.weights import read_weights
from serbench.store.database import Database
from serbench.store.entries import Entries
from serbench.workspace import Workspace


def warm_start(
    number: int,
    backbone: Backbone,
    emotions: tuple[str, ...],
    database: Database,
    workspace: Workspace,
) -> Path:
    """A weights file that a study of ``backbone`` can start from, made of an entry's network.

    Its last layer is kept where the entry knows the same emotions; for others it starts afresh.

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
    record = Entries(database).record(number)
    if record.plan.backbone != backbone.name:
        raise WeightsError(
            f"entry {number} is {record.plan.backbone}, not {backbone.name}: start from an entry "
            "of the same backbone"
        )
    trained = workspace.artifacts / record.artifact
    check_weights(trained, record.artifact_sha256)
    state = read_weights(trained)
    if record.emotions != emotions:
        module = backbone.build(len(record.emotions), NO_WEIGHTS).module
        staged = {name for stage in backbone.stages(module) for name in stage}
        for name, _ in module.named_parameters():
            if name not in staged:
                del state[name]
    path = workspace.artifacts / f"entry-{number}-{backbone.name}.safetensors"
    if record.emotions != emotions:
        path = path.with_stem(f"{path.stem}-without-last-layer")
    save_weights(state, path)
    return path
