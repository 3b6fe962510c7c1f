"""Logits of entries on clips of other datasets than those they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import Fold, fold_hash
from serbench.errors import DatasetError
from serbench.store.database import Database
from serbench.store.datasets import Datasets, find_dataset
from serbench.store.failures import again_on_conflict
from serbench.store.lineage import known_rows
from serbench.store.predictions import EAGER, read_prediction, rows_to
from serbench.store.schema import PredictionRow, SystemRow
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow
from serbench.store.systems import Systems, find_system, shipped_artifact

EVALUATION = "evaluation"
"""The name of a dataset's protocol without training, with a split for each set of tested rows."""


@dataclass(frozen=True, eq=False)
class EvaluationClips:
    """The clips of a dataset on which an entry can be tested.

    Attributes:
        entry: number of the entry.
        manifest: the dataset.
        trained: the emotions of the entry, in the order of its logits.
        emotions: the common emotions, in the same order.
        rows: rows of the manifest with a common emotion and no training speaker ``[n]``.
        left_out: number of clips of training speakers or training recordings of the entry.
    """

    entry: int
    manifest: Manifest
    trained: tuple[str, ...]
    emotions: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    left_out: int

    @property
    def fold(self) -> Fold:
        """The split: no training rows, and ``rows`` as test rows."""
        return Fold(np.array([], dtype=np.int64), self.rows)

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The true emotion of each clip as a place in ``emotions`` ``[n]``."""
        named = [self.manifest.utterances[row].emotion for row in self.rows]
        return np.array([self.emotions.index(name) for name in named], dtype=np.int64)

    @property
    def speakers(self) -> npt.NDArray[np.str_]:
        """The speaker of each clip ``[n]``."""
        return self.manifest.speakers[self.rows]

    def common(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The columns of the common emotions, of logits ``[n, trained]``."""
        return logits[:, [self.trained.index(emotion) for emotion in self.emotions]]


class Evaluations:
    """The logits of entries on other datasets, in one database.

    They belong to the network that an entry has now: `forget_evaluations` deletes them when another
    one takes its place.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def clips(self, number: int, dataset: str) -> EvaluationClips:
        """The clips of a dataset on which an entry can be tested.

        Args:
            number: number of the entry.
            dataset: name of a scanned dataset; its last scan is used.

        Raises:
            UsageError: there is no such entry, or it was imported without a network.
            DatasetError: there is no such dataset, fewer than two common emotions, or no speaker to
                test.
        """
        emotions = Systems(self._database).record(number).emotions
        manifest = Datasets(self._database).manifest(dataset)
        common = tuple(emotion for emotion in emotions if emotion in manifest.emotions)
        if len(common) < 2:
            raise DatasetError(
                f"entry {number} was trained on {', '.join(emotions)}, and dataset '{dataset}' "
                f"has {', '.join(manifest.emotions)}: choose a dataset with at least two emotions "
                "of the entry",
                number=number,
                dataset=dataset,
                common=common,
            )
        among = np.isin([utterance.emotion for utterance in manifest.utterances], common)
        trained = trained_on(manifest, number, self._database)
        rows = np.flatnonzero(among & ~trained)
        if len(rows) == 0:
            raise DatasetError(
                f"entry {number} was trained on all speakers of dataset '{dataset}': scan "
                "recordings of other speakers",
                number=number,
                dataset=dataset,
            )
        left_out = int((among & trained).sum())
        return EvaluationClips(number, manifest, emotions, common, rows, left_out)

    def stored(self) -> list[tuple[int, str]]:
        """Number of an entry and name of a dataset, for each test of which logits are stored.

        The dataset may have been scanned again since; then `clips` has others than those tested.
        """
        query = (
            select(SystemRow.number, DatasetRow.name)
            .join(PredictionRow, PredictionRow.system_id == SystemRow.id)
            .join(SplitRow, SplitRow.id == PredictionRow.split_id)
            .join(ProtocolRow, ProtocolRow.id == SplitRow.protocol_id)
            .join(DatasetRow, DatasetRow.id == ProtocolRow.dataset_id)
            .where(
                ProtocolRow.name == EVALUATION,
                SystemRow.number.is_not(None),
                SystemRow.deleted.is_(None),
                DatasetRow.deleted.is_(None),
            )
            .distinct()
            .order_by(SystemRow.number, DatasetRow.name)
        )
        with self._database.session() as session:
            return [(number, name) for number, name in session.execute(query) if number is not None]

    def logits(self, clips: EvaluationClips) -> npt.NDArray[np.float32] | None:
        """The stored logits of an entry on these clips ``[n, trained]``, or None."""
        with self._database.session() as session:
            system, split = find_system(session, clips.entry), _split(session, clips)
            same = {"system_id": system.id, "runtime": EAGER}
            found = None if split is None else _prediction(session, same, split)
            return None if found is None else read_prediction(found).logits

    @again_on_conflict
    def save(self, clips: EvaluationClips, logits: npt.NDArray[np.float32]) -> None:
        """Store the logits of an entry on these clips; earlier ones are replaced.

        Args:
            clips: from `clips`.
            logits: ``[n, trained]``.
        """
        with self._database.session() as session:
            split = _split(session, clips) or _new_split(session, clips)
            same = {"system_id": find_system(session, clips.entry).id, "runtime": EAGER}
            found = _prediction(session, same, split)
            if found is None:
                found = PredictionRow(**same, split_id=split.id)
                session.add(found)
            found.logits = logits.astype("<f4").tobytes()


def trained_on(manifest: Manifest, number: int, database: Database) -> npt.NDArray[np.bool_]:
    """True for each clip of a training speaker of an entry's network, ``[N]``.

    The training speakers of its initial weights count too, if those weights were trained with this
    database, and so does identical audio under another speaker's name.

    Args:
        manifest: the dataset with the clips.
        number: number of the entry.
        database: the database with the entry.

    Raises:
        UsageError: there is no such entry, or it has no weights.
    """
    with database.session() as session:
        artifact = shipped_artifact(session, find_system(session, number))
        return known_rows(manifest, artifact, database)


def forget_evaluations(session: Session, system: SystemRow) -> None:
    """Delete the logits of a system on other datasets, since another network takes its place."""
    others = select(SplitRow.id).join(ProtocolRow).where(ProtocolRow.name == EVALUATION)
    session.execute(
        delete(PredictionRow).where(
            PredictionRow.system_id == system.id, PredictionRow.split_id.in_(others)
        )
    )


def forget_tests_on(session: Session, protocols: Sequence[int]) -> None:
    """Delete the logits on the splits of protocols whose dataset is deleted."""
    splits = select(SplitRow.id).where(SplitRow.protocol_id.in_(protocols))
    session.execute(delete(PredictionRow).where(PredictionRow.split_id.in_(splits)))


def _protocol(session: Session, manifest: Manifest) -> ProtocolRow | None:
    dataset = find_dataset(session, manifest.name, manifest.hash).id
    query = select(ProtocolRow).filter_by(dataset_id=dataset, name=EVALUATION)
    return session.scalar(query)


def _split(session: Session, clips: EvaluationClips) -> SplitRow | None:
    protocol = _protocol(session, clips.manifest)
    if protocol is None:
        return None
    query = select(SplitRow).filter_by(protocol_id=protocol.id, fold=fold_hash(clips.fold))
    return session.scalar(query)


def _new_split(session: Session, clips: EvaluationClips) -> SplitRow:
    protocol = _protocol(session, clips.manifest)
    if protocol is None:
        dataset = find_dataset(session, clips.manifest.name, clips.manifest.hash).id
        named = dict.fromkeys(("name", "identifier", "evidence"), EVALUATION)
        protocol = ProtocolRow(dataset_id=dataset, **named)
        session.add(protocol)
        session.flush()
    fold, name = clips.fold, fold_hash(clips.fold)
    split = SplitRow(
        protocol_id=protocol.id,
        outer_fold=0,
        fold=name,
        train=rows_to(fold.train),
        test=rows_to(fold.test),
        hash=name,
    )
    session.add(split)
    session.flush()
    return split


def _prediction(session: Session, same: dict[str, object], split: SplitRow) -> PredictionRow | None:
    return session.scalar(select(PredictionRow).filter_by(**same, split_id=split.id))
