"""The speed of earlier trainings, from which the time of later ones is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sqlalchemy import func, select

from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.schema import StudyRow, TrainingRow, TrialRow
from serbench.store.schema_data import SplitRow

ROW_BYTES = 8
"""A split stores each row of the manifest as an int64."""


@dataclass(frozen=True)
class Pace:
    """The speed of earlier trainings.

    Attributes:
        seconds: time for one epoch on one clip, or for one clip of a fit.
        epochs: mean number of epochs of the trainings that had the present limit of epochs, or
            None if there are none; 1 of fits.
        same_dataset: whether the trainings were on the same dataset.
    """

    seconds: float
    epochs: float | None
    same_dataset: bool

    def expected_epochs(self, plan: StudyPlan) -> float:
        """Epochs of a training; all of them where no earlier training shows when it stops."""
        most = 1 if plan.is_fitted else plan.epochs
        return most if self.epochs is None else min(self.epochs, most)

    def training_seconds(self, plan: StudyPlan, clips: float, done: int = 0) -> float:
        """The time of one training in seconds.

        Args:
            plan: plan of the study.
            clips: number of clips that are trained on.
            done: number of its epochs that are finished already.
        """
        return clips * max(self.expected_epochs(plan) - done, 0.0) * self.seconds


def pace_of(database: Database, plan: StudyPlan, machine: Mapping[str, Any]) -> Pace | None:
    """The speed of trainings with the same backbone, front end, head and clip format, or None.

    A head that is fitted in one step has no epochs, and each fit counts as one. Only trainings on
    the same dataset are used, if there are any.

    Args:
        database: the database with the trainings.
        plan: plan of the study that is to be estimated.
        machine: properties of the machine.
    """
    query = (
        select(
            TrainingRow.seconds,
            TrainingRow.epochs,
            func.length(SplitRow.train),
            TrainingRow.machine,
            StudyRow.plan,
        )
        .join(SplitRow, SplitRow.id == TrainingRow.split_id)
        .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .where(
            TrainingRow.seconds > 0,
            TrainingRow.epochs == 0 if plan.is_fitted else TrainingRow.epochs > 0,
        )
    )
    alike = ("backbone", "front_end", "head", "clip_format")
    here = plan.as_dict()
    found: dict[bool, list[_Took]] = {True: [], False: []}
    with database.session() as session:
        for seconds, epochs, size, where, values in session.execute(query):
            if where == machine and all(values[name] == here[name] for name in alike):
                same = values["dataset_hash"] == plan.dataset_hash
                clips, free = size // ROW_BYTES, values["epochs"] >= plan.epochs
                found[same].append(_Took(seconds, epochs or 1, clips, free))
    for same_dataset in (True, False):
        if listed := found[same_dataset]:
            seconds = sum(each.seconds for each in listed)
            steps = sum(each.epochs * each.clips for each in listed)
            free = [each.epochs for each in listed if each.free]
            return Pace(seconds / steps, fmean(free) if free else None, same_dataset)
    return None


@dataclass(frozen=True)
class _Took:
    """The time of an earlier training; ``free`` if it had the present limit of epochs."""

    seconds: float
    epochs: int
    clips: int
    free: bool
