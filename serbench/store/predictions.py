"""Logits of systems on the test rows of splits, read from the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.score.metric import CORRECTED
from serbench.search.events import COMPLETE
from serbench.store.schema import PredictionRow, StudyRow, SystemRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow

EAGER = "eager"
"""The runtime of the predictions made after training: PyTorch."""

IMPORTED = "imported"
"""The runtime of imported predictions."""


@dataclass(frozen=True)
class Predictions:
    """Logits of some clips of a dataset.

    Attributes:
        rows: rows of the manifest ``[n]``.
        logits: float32 ``[n, n_classes]``.
    """

    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]

    def by_row(self) -> Predictions:
        """The same predictions in the order of the manifest."""
        order = np.argsort(self.rows, kind="stable")
        return Predictions(self.rows[order], self.logits[order])


def rows_from(content: bytes) -> npt.NDArray[np.int64]:
    """Rows ``[n]`` from their stored form."""
    return np.frombuffer(content, dtype="<i8").astype(np.int64)


def rows_to(rows: npt.NDArray[np.int64]) -> bytes:
    """The stored form of rows, which ``rows_from`` reads."""
    return rows.astype("<i8").tobytes()


def logits_from(content: bytes, clips: int) -> npt.NDArray[np.float32]:
    """Logits ``[n, n_classes]`` of n clips from their stored form, float32, little-endian."""
    stored = np.frombuffer(content, dtype="<f4").reshape(clips, -1 if clips else 0)
    return stored.astype(np.float32)


def read_prediction(prediction: PredictionRow) -> Predictions:
    """The logits of one system on one split."""
    rows = rows_from(prediction.split.test)
    return Predictions(rows, logits_from(prediction.logits, len(rows)))


def joined(parts: Iterable[Predictions]) -> Predictions:
    """The predictions of several tests together.

    Raises:
        UsageError: there are none, because the last training of a winner is to be repeated.
    """
    listed = list(parts)
    if not listed:
        raise UsageError(
            "the predictions of this entry were removed, since its study trains a lost network "
            "again: continue it with the same `serbench study run`"
        )
    return Predictions(
        np.concatenate([part.rows for part in listed]),
        np.concatenate([part.logits for part in listed]),
    )


def runtime_of(system: SystemRow) -> str:
    """The runtime of a system's first predictions."""
    return EAGER if system.imported is None else IMPORTED


def scored_predictions(
    session: Session, system: SystemRow, runtime: str | None = None
) -> list[Predictions]:
    """The logits from which a ranked system's scores are computed, for each outer fold.

    They are those on the holdouts; where nothing is set aside, those of the winner's networks on
    the folds by which it was selected.
    """
    if system.protocol.evidence == CORRECTED:
        of_outer = fold_predictions(session, system, runtime)
        return [joined(folds.values()).by_row() for folds in of_outer if folds]
    query = (
        select(PredictionRow)
        .join(SplitRow, SplitRow.id == PredictionRow.split_id)
        .where(
            PredictionRow.system_id == system.id,
            PredictionRow.runtime == (runtime or runtime_of(system)),
            SplitRow.protocol_id == system.protocol_id,
            SplitRow.fold == HOLDOUT,
        )
        .order_by(SplitRow.outer_fold)
        .options(contains_eager(PredictionRow.split))
    )
    return [read_prediction(found) for found in session.scalars(query)]


def fold_predictions(
    session: Session, system: SystemRow, runtime: str | None = None
) -> list[dict[int, Predictions]]:
    """For each outer fold, the winner's logits on the folds by which it was chosen: fold → logits.

    The dictionary of an outer fold without such folds, as in many imports, is empty.
    """
    found = []
    for outer, answering in enumerate(_tuned(session, system)):
        query = (
            select(PredictionRow)
            .join(SplitRow, SplitRow.id == PredictionRow.split_id)
            .where(
                PredictionRow.system_id == answering,
                PredictionRow.runtime == (runtime or runtime_of(system)),
                SplitRow.protocol_id == system.protocol_id,
                SplitRow.outer_fold == outer,
                SplitRow.fold != HOLDOUT,
            )
            .options(contains_eager(PredictionRow.split))
        )
        of_outer = {int(each.split.fold): read_prediction(each) for each in session.scalars(query)}
        found.append(dict(sorted(of_outer.items())))
    return found


def trial_predictions(session: Session, system: SystemRow) -> list[tuple[int, Predictions]]:
    """The out-of-fold logits of all complete trials of a system's study in its first outer fold.

    Returns:
        id of each trial's system, and its logits on all folds in the order of the manifest, by
        trial; nothing for an import.
    """
    query = (
        select(TrialRow.system_id, PredictionRow)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .join(PredictionRow, PredictionRow.system_id == TrialRow.system_id)
        .join(SplitRow, SplitRow.id == PredictionRow.split_id)
        .where(
            StudyRow.system_id == system.id,
            StudyRow.outer_fold == 0,
            TrialRow.state == COMPLETE,
            PredictionRow.runtime == EAGER,
            SplitRow.fold != HOLDOUT,
        )
        .order_by(TrialRow.number)
    )
    found: dict[int, list[Predictions]] = {}
    for trial, prediction in session.execute(query):
        found.setdefault(trial, []).append(read_prediction(prediction))
    return [(trial, joined(parts).by_row()) for trial, parts in found.items()]


def winners(session: Session, system: SystemRow) -> list[TrialRow]:
    """The winning trial of each outer fold of a system's studies; empty for imports.

    It is the trial with the last training.
    """
    query = (
        select(TrialRow)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .join(TrainingRow, TrainingRow.trial_id == TrialRow.id)
        .join(SplitRow, SplitRow.id == TrainingRow.split_id)
        .where(TrainingRow.system_id == system.id, SplitRow.fold == HOLDOUT)
        .order_by(StudyRow.outer_fold)
    )
    return list(session.scalars(query))


def _tuned(session: Session, system: SystemRow) -> list[int]:
    """The system with the predictions on the folds of each outer fold."""
    if system.imported is None:
        return [trial.system_id for trial in winners(session, system)]
    last = max((split.outer_fold for split in system.protocol.splits), default=-1)
    return [system.id] * (last + 1)
