"""What networks said about clips, read back from the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.store.schema import FoldRow, PredictionRow, StudyRow, TrialRow


@dataclass(frozen=True)
class Said:
    """What was said about some clips of a dataset.

    Attributes:
        rows: of the manifest, ``[n]``.
        logits: float32 ``[n, n_classes]``.
    """

    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]

    def by_row(self) -> Said:
        """The same in the manifest's order."""
        order = np.argsort(self.rows, kind="stable")
        return Said(self.rows[order], self.logits[order])


def read_prediction(prediction: PredictionRow) -> Said:
    """What one network said about the clips it was tested on."""
    rows = np.frombuffer(prediction.rows, dtype="<i8")
    logits = np.frombuffer(prediction.logits, dtype="<f4").reshape(len(rows), -1)
    return Said(rows, logits)


def write_prediction(rows: npt.NDArray[np.int64], logits: npt.NDArray[np.float32]) -> PredictionRow:
    """What ``read_prediction`` reads."""
    return PredictionRow(rows=rows.astype("<i8").tobytes(), logits=logits.astype("<f4").tobytes())


def joined(parts: Iterable[Said]) -> Said:
    """Several tests as one."""
    listed = list(parts)
    return Said(
        np.concatenate([part.rows for part in listed]),
        np.concatenate([part.logits for part in listed]),
    )


def read_holdouts(session: Session, study: StudyRow) -> list[Said]:
    """What was said in the holdout of each outer fold that belongs to a study, first outer fold first."""
    return [read_prediction(holdout.prediction) for holdout in holdouts(session, study)]


def read_folds(session: Session, study: StudyRow) -> list[list[Said]]:
    """What each outer fold's winner said in the folds it was chosen by; nothing where none was."""
    winners = (session.get_one(TrialRow, holdout.trial_id) for holdout in holdouts(session, study))
    return [
        [read_prediction(fold.prediction) for fold in winner.folds if fold.name != HOLDOUT]
        for winner in winners
    ]


def holdouts(session: Session, study: StudyRow) -> list[FoldRow]:
    """The holdouts of all outer folds that belong to a study, first outer fold first."""
    query = (
        select(FoldRow)
        .join(TrialRow, TrialRow.id == FoldRow.trial_id)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .where(StudyRow.family == study.family, FoldRow.name == HOLDOUT)
        .order_by(StudyRow.outer_fold)
    )
    return list(session.scalars(query))
