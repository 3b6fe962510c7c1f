"""The view of a study while it runs, from the database alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serbench.data.protocols import HOLDOUT, shown_fold
from serbench.errors import SerbenchError
from serbench.model.recipe import Parameter
from serbench.search.events import COMPLETE, PRUNED, RUNNING, TrialRecord
from serbench.search.importance import importances
from serbench.store.activity import Activity, activity_of, shown_study
from serbench.store.database import Database
from serbench.store.pace import Pace, pace_of
from serbench.views.study import study_views

WAITING, INTERRUPTED, FINISHED = "waiting", "interrupted", "finished"
"""States of a study or of a fold, besides those of a trial."""

SEARCH, LAST_TRAINING, COMPLETION = "search", "last training", "completion"
"""Steps of a running study."""


@dataclass(frozen=True)
class FoldView:
    """A fold of the search in a trial.

    Attributes:
        fold: its number, from 1.
        state: ``waiting`` (or not run, where the trial has ended), ``running``, ``complete`` or
            ``pruned``.
        uar: UA of its test clips, or None.
        epochs: number of finished epochs, also of a running training where it is recorded.
    """

    fold: int
    state: str
    uar: float | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class TrialView:
    """A trial of a running study.

    Attributes:
        trial: its number, from 1.
        state: ``running``, ``complete``, ``pruned`` or ``failed``.
        mean_uar: mean UA over the folds that were run; None while it is running.
        parameters: parameters of its configuration, by name.
        folds: all folds of the search.
    """

    trial: int
    state: str
    mean_uar: float | None
    parameters: Mapping[str, Parameter]
    folds: tuple[FoldView, ...]


@dataclass(frozen=True)
class CurveView:
    """The learning curve of a training.

    Attributes:
        trial: number of the trial, from 1.
        fold: number of the fold, from 1, or ``last`` for the last training of the winner.
        running: whether the training is running; if not, it is the last finished one of the search.
        epoch: number of finished epochs.
        epochs: largest number of epochs.
        uars: UA of the validation clips after each epoch; empty without validation clips.
    """

    trial: int
    fold: int | str
    running: bool
    epoch: int
    epochs: int
    uars: tuple[float, ...]


@dataclass(frozen=True)
class RunningView:
    """A study while it runs, or after it has ended.

    Attributes:
        study: number of the study.
        backbone: name of the backbone.
        front_end: name of the front end.
        head: name of the head.
        schedule: name of the schedule; empty for a fitted head.
        dataset: name of the dataset.
        protocol: name of the protocol.
        outer_fold: number of the outer fold, from 1.
        outer_folds: number of outer folds of the protocol.
        state: ``running``; ``waiting`` (a search tries another candidate at present);
            ``interrupted``; ``finished``; or ``failed`` if no trial could be trained.
        step: of a running study ``search``, ``last training`` or ``completion`` (latency, and
            trainings with other seeds); else empty.
        trials: all trials so far, by number.
        of: number of planned trials.
        trainings: number of finished trainings, without the folds of pruned trials that are not
            run.
        trainings_left: largest number of trainings until the study is finished; pruning reduces it.
        seconds: time of all trainings of the search, in seconds.
        seconds_left: estimated time until the last training is finished, in seconds, without
            pruning; None where no earlier training shows it, or nothing runs.
        at_most: whether the estimate counts all epochs, since no training shows when they end.
        best: number of the best complete trial, or None.
        best_mean_uar: its mean UA over the folds, or None.
        curve: the learning curve of the running training, else of the last finished one, or None.
        importance: searched parameter → share of the variance of the mean UA that it explains, or
            None where there are too few complete trials.
        entry: number of its entry, or None.
    """

    study: int
    backbone: str
    front_end: str
    head: str
    schedule: str
    dataset: str
    protocol: str
    outer_fold: int
    outer_folds: int
    state: str
    step: str
    trials: tuple[TrialView, ...]
    of: int
    trainings: int
    trainings_left: int
    seconds: float
    seconds_left: float | None
    at_most: bool
    best: int | None
    best_mean_uar: float | None
    curve: CurveView | None
    importance: Mapping[str, float] | None
    entry: int | None

    @property
    def is_active(self) -> bool:
        """Whether another process runs the study, or the search that it is a candidate of."""
        return self.state in (RUNNING, WAITING)

    @property
    def next_command(self) -> str:
        """The command that shows more of the study, or its entry."""
        if self.is_active:
            return f"serbench study watch {self.study}"
        if self.entry is not None and self.state != INTERRUPTED:
            return f"serbench leaderboard show {self.entry}"
        return f"serbench study show {self.study}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        return asdict(self)


class StudyWatch:
    """Reads a study again and again; what is slow is computed again only after a change.

    Args:
        database: the database, which is only read.
        artifacts: folder of the weights files, beside which running studies have their locks.
    """

    def __init__(self, database: Database, artifacts: Path) -> None:
        self._database, self._artifacts = database, artifacts
        self._importance: dict[tuple[int, int], Mapping[str, float] | None] = {}
        self._pace: dict[tuple[int, int], Pace | None] = {}

    def view(self, number: int | None = None) -> RunningView:
        """The present state of a study; without a number, of the running or the last one.

        Raises:
            SerbenchError: there is no study.
            UsageError: there is no study of this number.
        """
        chosen = shown_study(self._database, self._artifacts) if number is None else number
        if chosen is None:
            raise SerbenchError("no study has begun yet: begin one with `serbench study run`")
        found = activity_of(self._database, self._artifacts, chosen)
        [listed] = study_views(self._database, chosen)
        state = listed.state
        if found.leased or found.searched:
            state = RUNNING if found.leased else WAITING
        elif state == "unfinished":
            state = INTERRUPTED
        pace = self._pace_of(found) if state == RUNNING and not found.last_done else None
        best = max(
            (trial for trial in found.records if trial.state == COMPLETE),
            key=lambda trial: trial.mean_uar or 0.0,
            default=None,
        )
        return RunningView(
            study=chosen,
            backbone=listed.backbone,
            front_end=listed.front_end,
            head=listed.head,
            schedule=listed.schedule,
            dataset=listed.dataset,
            protocol=listed.protocol,
            outer_fold=listed.outer_fold,
            outer_folds=found.outer_folds,
            state=state,
            step=_step(found) if state == RUNNING else "",
            trials=tuple(_trial_view(found, trial, state) for trial in found.records),
            of=found.plan.trials,
            trainings=len(found.trainings),
            trainings_left=0 if found.last_done else len(found.left) + 1,
            seconds=found.seconds,
            seconds_left=None if pace is None else _seconds_left(found, pace),
            at_most=pace is not None and pace.epochs is None,
            best=None if best is None else best.number + 1,
            best_mean_uar=None if best is None else best.mean_uar,
            curve=_curve(found, state),
            importance=self._importance_of(found),
            entry=listed.entry,
        )

    def _importance_of(self, found: Activity) -> Mapping[str, float] | None:
        key = found.study, sum(trial.state == COMPLETE for trial in found.records)
        if key not in self._importance:
            shares = {each.parameter: each.share for each in importances(found.records)}
            self._importance = {key: shares or None}
        return self._importance[key]

    def _pace_of(self, found: Activity) -> Pace | None:
        key = found.study, len(found.trainings)
        if key not in self._pace:
            self._pace = {key: pace_of(self._database, found.plan, found.machine)}
        return self._pace[key]


def _step(found: Activity) -> str:
    """What a running study does: its search has ended once no fold is left to be trained."""
    if found.last_done:
        return COMPLETION
    trains_last = any(place.fold == HOLDOUT for place in found.progress)
    ended = all(trial.finished for trial in found.records) and not found.left
    return LAST_TRAINING if trains_last or ended else SEARCH


def _trial_view(found: Activity, trial: TrialRecord, state: str) -> TrialView:
    folds = tuple(_fold_view(found, trial, fold, state) for fold in found.folds)
    return TrialView(trial.number + 1, trial.state, trial.mean_uar, trial.parameters, folds)


def _fold_view(found: Activity, trial: TrialRecord, fold: int, state: str) -> FoldView:
    training = found.training(trial.number, fold)
    if training is not None:
        kind = PRUNED if training.pruned else COMPLETE
        return FoldView(fold + 1, kind, training.uar, training.epochs)
    running = found.epochs_of(trial.number, fold)
    if state != RUNNING or trial.finished or running is None:
        return FoldView(fold + 1, WAITING)
    return FoldView(fold + 1, RUNNING, epochs=running.epoch)


def _curve(found: Activity, state: str) -> CurveView | None:
    """The running training of which most epochs are recorded, else the newest finished one."""
    if state == RUNNING and found.progress:
        running = max(found.progress, key=lambda place: place.epoch)
        fold = shown_fold(running.fold, tested=False)
        return CurveView(
            running.trial + 1, fold, True, running.epoch, running.epochs, running.curve
        )
    searched = [each for each in found.trainings if each.fold != HOLDOUT and each.curve]
    if not searched:
        return None
    last = searched[-1]
    fold = shown_fold(last.fold)
    return CurveView(last.trial + 1, fold, False, last.epochs, found.plan.epochs, last.curve)


def _seconds_left(found: Activity, pace: Pace) -> float:
    """The time of all trainings that are left, with as many at once as the study has."""
    plan = found.plan
    search = 0.0
    for trial, fold in found.left:
        running = found.epochs_of(trial, fold)
        done = 0 if running is None else running.epoch
        search += pace.training_seconds(plan, found.clips[fold], done)
    if plan.timeout is not None:
        search = min(search, max(plan.timeout - found.seconds, 0.0))
    last = pace.training_seconds(plan, found.clips[HOLDOUT])
    return search / found.parallel + last
