"""The training data of weights, including that of the weights they were trained from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.licence import UNKNOWN_LICENCE, Licence
from serbench.data.manifest import Manifest
from serbench.data.protocols import Split, linked_speakers
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Backbone
from serbench.store.artifacts import ancestors, artifact_of_file
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.predictions import rows_from
from serbench.store.schema import ArtifactRow, SystemRow


@dataclass(frozen=True)
class Lineage:
    """The training data of a study's initial weights.

    Attributes:
        pretrained_on: corpora of external weights; empty for random weights; None where the corpora
            are not known.
        known_speakers: speakers of the protocol's tests with recordings in the training data, of
            serbench or of external weights.
        licence: of the external weights that everything began from.
    """

    pretrained_on: tuple[str, ...] | None
    known_speakers: tuple[str, ...]
    licence: Licence = UNKNOWN_LICENCE


def lineage_of(
    weights: str, backbone: Backbone, manifest: Manifest, split: Split, database: Database
) -> Lineage:
    """The training data of the weights of a study, compared with the speakers of its tests.

    Args:
        weights: ``default``, ``none`` or the path of a file.
        backbone: declares the corpora of its published weights.
        manifest: the dataset.
        split: split of the study's protocol.
        database: database of the entries from which the weights may come.

    Raises:
        WeightsError: the weights file is missing.
    """
    with database.session() as session:
        artifact = artifact_of_weights(session, weights)
        if artifact is None:
            pretrained_on = backbone.training_corpora(weights)
            licence = backbone.licence(weights)
            known = np.zeros(len(manifest), dtype=np.bool_)
        else:
            pretrained_on = _pretrained_on(session, artifact)
            licence = _licence(session, artifact)
            known = known_rows(manifest, artifact, database)
    known |= np.isin(manifest.corpora, pretrained_on or ())
    tested = known[split.tested]
    speakers = np.unique(manifest.speakers[split.tested][tested])
    return Lineage(pretrained_on, tuple(speakers.tolist()), licence)


def known_rows(
    manifest: Manifest, artifact: ArtifactRow, database: Database
) -> npt.NDArray[np.bool_]:
    """Which clips ``[N]`` are by speakers in the training data of a network or its ancestors.

    Speakers with the same name, or with identical audio, count as one speaker.
    """
    known = np.zeros(len(manifest), dtype=np.bool_)
    for ancestor in ancestors(artifact):
        protocol = ancestor.split.protocol
        trained = Datasets(database).manifest(protocol.dataset.name, protocol.dataset.hash)
        people = linked_speakers(trained)
        rows = np.isin(people, people[rows_from(ancestor.split.train)])
        known |= np.isin(manifest.speakers, trained.speakers[rows])
        known |= np.isin(manifest.audio_hashes, trained.audio_hashes[rows])
    people = linked_speakers(manifest)
    return np.isin(people, people[known])


def artifact_of_weights(session: Session, weights: str) -> ArtifactRow | None:
    """The artifact of weights; None where they were not trained here.

    Args:
        session: session of the database.
        weights: ``default``, ``none`` or the path of a file.
    """
    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return None
    return artifact_of_file(session, Path(weights))


def _pretrained_on(session: Session, artifact: ArtifactRow) -> tuple[str, ...] | None:
    """The corpora of the external weights of an artifact's first ancestor."""
    system = next(each.system_id for each in ancestors(artifact) if each.system_id is not None)
    query = select(SystemRow.pretrained_on).where(SystemRow.id == system)
    found = session.scalar(query)
    return None if found is None else tuple(found)


def _licence(session: Session, artifact: ArtifactRow) -> Licence:
    """The licence of the weights that an artifact's first ancestor began from."""
    system = next(each.system_id for each in ancestors(artifact) if each.system_id is not None)
    found = session.scalar(select(SystemRow.weights_licence).where(SystemRow.id == system))
    return Licence(**found) if found else UNKNOWN_LICENCE
