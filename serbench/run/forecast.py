"""The remaining trainings of a study, and their estimated time."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from serbench.data.manifest import Manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.model.machine import this_machine
from serbench.score.metric import CORRECTED
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.pace import pace_of
from serbench.store.repetitions import due_repetitions
from serbench.store.studies import Standing, entry_within, standings

FINISHED, FAILED, CONTINUES, NEW = "finished", "failed", "continues", "new"


@dataclass(frozen=True)
class Forecast:
    """A study in the list of ``study run --dry-run``.

    Attributes:
        plan: plan of the study.
        state: ``finished``, ``failed`` (nothing is left, and no entry), ``continues`` or ``new``.
        study: number of the study, or None if it is new.
        entry: number of its entry, even if the study continues; or None.
        trials: number of trials that have begun, in the outer fold with most of them.
        trainings: largest number of remaining trainings; pruning reduces it.
        seconds: their time one after another, or None if there is no earlier training.
        at_most: whether all epochs of each training are counted, since no earlier training shows
            when early stopping ends it.
        same_dataset: whether the time is from trainings on the same dataset.
    """

    plan: StudyPlan
    state: str
    study: int | None
    entry: int | None
    trials: int
    trainings: int
    seconds: float | None
    at_most: bool
    same_dataset: bool


def forecast(plan: StudyPlan, manifest: Manifest, database: Database, seeds: int = 1) -> Forecast:
    """The remaining trainings of a study, with a time from earlier trainings on this machine.

    Args:
        plan: plan of the study.
        manifest: its dataset.
        database: the database with the studies.
        seeds: number of seeds with which the winner is trained.

    Raises:
        SerbenchError: the dataset cannot be split by the protocol.
    """
    before = standings(database, plan)
    entry = entry_within(before, plan)
    pace = pace_of(database, plan, asdict(this_machine()))
    split = split_dataset(manifest, parse_protocol(plan.protocol))
    outer_folds = split.outer_folds
    trainings, seconds = 0, 0.0
    for number, outer in enumerate(outer_folds):
        begun = before[number] if number < len(before) else None
        if begun is not None and begun.has_spent(plan):
            continue
        left = max(plan.trials - (begun.trials if begun else 0), 0)
        trainings += left * len(outer.folds) + 1
        if pace is not None:
            once = sum(pace.training_seconds(plan, len(fold.train)) for fold in outer.folds)
            seconds += min(left * once, _time_left(plan, begun))
            seconds += pace.training_seconds(plan, len(outer.holdout.train))
    tested = split.folds if split.evidence == CORRECTED else [each.holdout for each in outer_folds]
    again = (seeds - 1) * len(tested) if trainings else 0
    if entry is not None:
        again = len(due_repetitions(database, entry, seeds))
    trainings += again
    if pace is not None:
        clips = sum(len(each.train) for each in tested) / len(tested)
        seconds += again * pace.training_seconds(plan, clips)
    if not before:
        state = NEW
    elif entry is not None and not again:
        state = FINISHED
    else:
        state = CONTINUES if trainings else FAILED
    return Forecast(
        plan=plan,
        state=state,
        study=before[0].study if before else None,
        entry=before[0].entry if before else None,
        trials=max((each.trials for each in before), default=0),
        trainings=trainings,
        seconds=None if pace is None else seconds,
        at_most=pace is not None and pace.epochs is None,
        same_dataset=pace is not None and pace.same_dataset,
    )


def _time_left(plan: StudyPlan, begun: Standing | None) -> float:
    """Remaining seconds of the time limit of the search."""
    if plan.timeout is None:
        return float("inf")
    return max(plan.timeout - (begun.seconds if begun else 0.0), 0.0)
