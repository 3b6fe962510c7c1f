"""What ``study run`` would do, and how long it would take, without doing it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from serbench.data.manifest import Manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.model.machine import this_machine
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.pace import Pace, pace_of
from serbench.store.studies import Standing, entry_within, standings

FINISHED, FAILED, CONTINUES, NEW = "finished", "failed", "continues", "new"


@dataclass(frozen=True)
class Forecast:
    """A study as ``study run --dry-run`` lists it.

    Attributes:
        plan: of the study.
        state: ``finished``, ``failed`` (nothing is left, and no entry), ``continues`` or ``new``.
        study: its number, or None of a new one.
        entry: number of the entry that it led to, also where it continues; or None.
        trials: that have begun, of the outer fold that has most of them.
        trainings: that are left, at most: pruning leaves some of them out.
        seconds: that these take one after another, or None where no earlier training shows it.
        at_most: whether every training is counted with all its epochs, since no earlier one shows
            when training stops early.
        same_dataset: whether the time is that of trainings on the same dataset.
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


def forecast(plan: StudyPlan, manifest: Manifest, database: Database) -> Forecast:
    """What is left of a study, and how long that takes by earlier trainings on this machine.

    Args:
        plan: of the study.
        manifest: its dataset.
        database: where studies are recorded.

    Raises:
        SerbenchError: the dataset cannot be split so.
    """
    before = standings(database, plan)
    finished = entry_within(before, plan) is not None
    pace = pace_of(database, plan, asdict(this_machine()))
    outer_folds = split_dataset(manifest, parse_protocol(plan.protocol)).outer_folds
    trainings, seconds = 0, 0.0
    for number, outer in enumerate(outer_folds):
        begun = before[number] if number < len(before) else None
        if begun is not None and begun.has_spent(plan):
            continue
        left = max(plan.trials - (begun.trials if begun else 0), 0)
        trainings += left * len(outer.folds) + 1
        if pace is not None:
            search = left * sum(_seconds(plan, pace, len(fold.train)) for fold in outer.folds)
            seconds += min(search, _time_left(plan, begun))
            seconds += _seconds(plan, pace, len(outer.holdout.train))
    if not before:
        state = NEW
    elif finished:
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


def _seconds(plan: StudyPlan, pace: Pace, clips: int) -> float:
    """How long one training takes."""
    epochs = plan.epochs if pace.epochs is None else min(pace.epochs, plan.epochs)
    return clips * epochs * pace.seconds


def _time_left(plan: StudyPlan, begun: Standing | None) -> float:
    """Seconds of the budget that the search may still take."""
    if plan.timeout is None:
        return float("inf")
    return max(plan.timeout - (begun.seconds if begun else 0.0), 0.0)
