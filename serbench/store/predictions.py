"""The logits of systems on the test rows of splits, read back from the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.store.schema import PredictionRow, StudyRow, SystemRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow

EAGER = "eager"
"""The runtime that networks answer in after training: PyTorch as it is."""

IMPORTED = "imported"
"""The runtime of predictions that were brought from outside."""


@dataclass(frozen=True)
class Predictions:
    """Logits of some clips of a dataset.

    Attributes:
        rows: of the manifest, ``[n]``.
        logits: float32 ``[n, n_classes]``.
    """

    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]

    def by_row(self) -> Predictions:
        """The same in the manifest's order."""
        order = np.argsort(self.rows, kind="stable")
        return Predictions(self.rows[order], self.logits[order])


def rows_from(content: bytes) -> npt.NDArray[np.int64]:
    """Rows as a split stores them, ``[n]``."""
    return np.frombuffer(content, dtype="<i8").astype(np.int64)


def rows_to(rows: npt.NDArray[np.int64]) -> bytes:
    """What ``rows_from`` reads."""
    return rows.astype("<i8").tobytes()


def read_prediction(prediction: PredictionRow) -> Predictions:
    """The logits of one system on one split."""
    rows = rows_from(prediction.split.test)
    logits = np.frombuffer(prediction.logits, dtype="<f4").reshape(len(rows), -1)
    return Predictions(rows, logits.astype(np.float32))


def joined(parts: Iterable[Predictions]) -> Predictions:
    """Several tests as one."""
    listed = list(parts)
    return Predictions(
        np.concatenate([part.rows for part in listed]),
        np.concatenate([part.logits for part in listed]),
    )


def runtime_of(system: SystemRow) -> str:
    """The runtime that a system's first predictions came from."""
    return EAGER if system.imported is None else IMPORTED


def holdout_predictions(
    session: Session, system: SystemRow, runtime: str | None = None
) -> list[Predictions]:
    """A ranked system's logits on the holdout of each outer fold, the first one first."""
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
    )
    return [read_prediction(found) for found in session.scalars(query)]


def fold_predictions(session: Session, system: SystemRow) -> list[dict[int, Predictions]]:
    """For each outer fold, the logits of its winner on the folds it was chosen by: fold → logits.

    Outer folds without such folds, as of many imports, have an empty dictionary.
    """
    found = []
    for outer, answering in enumerate(_tuned(session, system)):
        query = (
            select(PredictionRow)
            .join(SplitRow, SplitRow.id == PredictionRow.split_id)
            .where(
                PredictionRow.system_id == answering,
                PredictionRow.runtime == runtime_of(system),
                SplitRow.protocol_id == system.protocol_id,
                SplitRow.outer_fold == outer,
                SplitRow.fold != HOLDOUT,
            )
        )
        of_outer = {int(each.split.fold): read_prediction(each) for each in session.scalars(query)}
        found.append(dict(sorted(of_outer.items())))
    return found


def winners(session: Session, system: SystemRow) -> list[TrialRow]:
    """The trial that won in each outer fold of the study that a system came from; none of imports.

    It is the trial whose configuration was trained for the holdout.
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
    """The system that answered the folds of each outer fold."""
    if system.imported is None:
        return [trial.system_id for trial in winners(session, system)]
    last = max((split.outer_fold for split in system.protocol.splits), default=-1)
    return [system.id] * (last + 1)
