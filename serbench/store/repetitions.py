"""Repetitions of a winner's trainings with further seeds: those that are due, and their records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.score.metric import CORRECTED
from serbench.search.events import Repeated, Repetition
from serbench.store.database import Database
from serbench.store.predictions import (
    EAGER,
    Predictions,
    joined,
    logits_from,
    rows_from,
    winners,
)
from serbench.store.schema import (
    PredictionRow,
    RepetitionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.systems import find_system

SECOND = 2
"""Number of the first seed that differs from that of the entry."""


@dataclass(frozen=True)
class SeededRun:
    """The trainings that an entry's score comes from, with one seed.

    Attributes:
        number: number of the seed; 1 is the entry itself.
        seconds: training time of all these trainings.
        tested: logits of all their test clips; None if a training diverged.
        failure: why a training diverged, else empty.
    """

    number: int
    seconds: float
    tested: Predictions | None
    failure: str = ""


@dataclass(frozen=True)
class SeededRuns:
    """All complete runs of an entry's winner, one for each seed.

    Attributes:
        runs: by number of the seed; only the entry itself if nothing was repeated.
        tests: test rows of each training; with each seed there is one network for each of them.
        identical: whether the second run has the same logits as the entry, bit by bit.
    """

    runs: tuple[SeededRun, ...]
    tests: tuple[npt.NDArray[np.int64], ...]
    identical: bool


def due_repetitions(database: Database, entry: int, seeds: int) -> list[Repetition]:
    """The trainings that are still to be repeated, so that an entry has a number of seeds.

    Args:
        database: the database with the entry.
        entry: its number.
        seeds: number of seeds, with that of the entry.

    Returns:
        those that are not recorded, by number of the seed; nothing if the second seed changed no
        logit, since a training without random numbers has the same result with every seed.

    Raises:
        UsageError: there is no such entry.
    """
    if seeds < 2:
        return []
    with database.session() as session:
        scored = _scored(session, find_system(session, entry))
        return [] if _identical(session, scored) else _due(scored, range(SECOND, seeds + 1))


def record_repetition(database: Database, repeated: Repeated) -> None:
    """Record the outcome of a repetition, or that it diverged; its network is not kept."""
    repetition, result = repeated
    row = RepetitionRow(training_id=repetition.training, number=repetition.number)
    if isinstance(result, DivergedError):
        row.failure = str(result)
    else:
        row.logits = result.logits.astype("<f4").tobytes()
        for name in ("seed", "epochs", "best_epoch", "seconds"):
            setattr(row, name, getattr(result, name))
    with database.session() as session:
        session.add(row)


def forget_repetitions(session: Session, study: StudyRow, winner: TrialRow) -> None:
    """Remove the repetitions of all trials of a study except those of its present winner."""
    others = (
        select(TrainingRow.id)
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .where(TrialRow.study_id == study.id, TrialRow.id != winner.id)
    )
    session.execute(delete(RepetitionRow).where(RepetitionRow.training_id.in_(others)))


def seeded_runs(session: Session, system: SystemRow) -> SeededRuns:
    """The runs of an entry with each seed for which all trainings are recorded; none of an import.

    Args:
        session: session of the database.
        system: the entry.
    """
    scored = _scored(session, system)
    if not scored:
        return SeededRuns((), (), False)
    recorded = [_recorded_logits(session, each) for each in scored]
    first = SeededRun(1, sum(each.seconds for each in scored), _joined(scored, recorded))
    runs = [first]
    by_number = [{each.number: each for each in training.repetitions} for training in scored]
    for number in sorted(set.intersection(*(set(each) for each in by_number))):
        rows = [each[number] for each in by_number]
        failures = [row.failure for row in rows if row.logits is None]
        logits = [row.logits for row in rows if row.logits is not None]
        runs.append(
            SeededRun(
                number,
                sum(row.seconds or 0.0 for row in rows),
                None if failures else _joined(scored, logits),
                next(iter(failures), ""),
            )
        )
    tests = tuple(rows_from(training.split.test) for training in scored)
    return SeededRuns(tuple(runs), tests, _identical(session, scored))


def _scored(session: Session, system: SystemRow) -> list[TrainingRow]:
    """The winner's trainings whose test clips the entry's score comes from, by fold."""
    on_folds = system.protocol.evidence == CORRECTED
    found = [
        training
        for trial in winners(session, system)
        for training in trial.trainings
        if (training.split.fold == HOLDOUT) != on_folds
    ]
    return sorted(found, key=lambda each: (each.split.outer_fold, each.split.id))


def _due(scored: Iterable[TrainingRow], numbers: Iterable[int]) -> list[Repetition]:
    """The repetitions with these numbers that are not recorded, by number."""
    trainings = list(scored)
    return [
        _repetition(training, number)
        for number in numbers
        for training in trainings
        if all(each.number != number for each in training.repetitions)
    ]


def _repetition(training: TrainingRow, number: int) -> Repetition:
    last = training.split.fold == HOLDOUT
    return Repetition(
        training=training.id,
        number=number,
        outer_fold=training.split.outer_fold,
        trial=training.trial.number,
        parameters=dict(training.trial.parameters),
        fold=HOLDOUT if last else int(training.split.fold),
        exactly=training.best_epoch if last else None,
    )


def _identical(session: Session, scored: Sequence[TrainingRow]) -> bool:
    """Whether the second seed is recorded and did not change any logit."""
    return bool(scored) and all(
        any(
            each.number == SECOND and each.logits == _recorded_logits(session, training)
            for each in training.repetitions
        )
        for training in scored
    )


def _recorded_logits(session: Session, training: TrainingRow) -> bytes:
    query = select(PredictionRow.logits).filter_by(
        system_id=training.system_id, split_id=training.split_id, runtime=EAGER
    )
    return session.scalars(query).one()


def _joined(scored: Sequence[TrainingRow], logits: Sequence[bytes]) -> Predictions:
    """The logits of several trainings on all their test clips."""
    tests = [rows_from(training.split.test) for training in scored]
    return joined(
        Predictions(rows, logits_from(content, len(rows)))
        for rows, content in zip(tests, logits, strict=True)
    )
