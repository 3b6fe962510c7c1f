"""One study by a function call: options in, events as plain data, an entry's number out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench.data.protocols import shown_fold
from serbench.errors import DivergedError, UsageError
from serbench.execute.executor import Executor, executor_of
from serbench.execute.job import Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Parameter
from serbench.model.training import EpochReport
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.run.options import StudyOptions
from serbench.run.planning import chosen_dataset, make_plans
from serbench.run.screening import screen
from serbench.run.study import drive_study
from serbench.run.study_file import read_options
from serbench.search.events import Known, Repetition, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.workspace import Workspace


@dataclass(frozen=True)
class StudyEvent:
    """An event of a study.

    Attributes:
        name: name of the event, such as ``epoch``, ``fold_scored`` or ``trial_ended``.
        facts: plain data; trials and folds are numbered from 1, UA is a share.
    """

    name: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        shown = (
            f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
            for key, value in self.facts.items()
            if value not in (None, "", False)
        )
        return ": ".join(filter(None, (self.name.replace("_", " "), ", ".join(shown))))


Receive = Callable[[StudyEvent], None]
"""Called with each event."""


class CallbackListener(Listener):
    """Passes the events of a study to a function."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

        self._has_holdout = True

    def _send(self, name: str, **facts: Any) -> None:
        self._receive(StudyEvent(name, facts))

    def _fold(self, fold: int | str) -> str:
        return str(shown_fold(fold, self._has_holdout))

    def screening(self, plan: StudyPlan) -> None:
        """Pass on that the latency of the backbone is measured."""
        self._send("screening", backbone=plan.backbone)

    def spent(self, trials: int) -> None:
        """Pass on the number of trials of a study that needs no more."""
        self._send("spent", trials=trials)

    def differs(self, study: int, options: Mapping[str, tuple[Any, Any]]) -> None:
        """Pass on the options in which this study differs from the most similar earlier one."""
        self._send("new_study", nearest=study, options=sorted(options))

    def time_is_up(self, trials: int) -> None:
        """Pass on that the time limit ended the search before its last trial."""
        self._send("time_is_up", trials=trials)

    def restoring(self, trial: int, fold: int) -> None:
        """Pass on that a deleted network of the winner is trained again."""
        self._send("restoring", trial=trial + 1, fold=fold + 1)

    def preparing(self, done: int, total: int) -> None:
        """Pass on the number of prepared clips."""
        self._send("preparing", done=done, total=total)

    def computing(self, done: int, total: int) -> None:
        """Pass on the number of clips whose features are computed."""
        self._send("computing", done=done, total=total)

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Pass on that compute settings are compared."""
        self._send("speed_tuning", backbone=plan.backbone)

    def settled(self, compute: ComputeSettings) -> None:
        """Pass on the compute settings."""
        self._send("compute_settings", **compute.as_dict())

    def begun(self, search: Search, known: Known) -> None:
        """Pass on the numbers of planned and of already recorded trainings."""
        self._has_holdout = len(search.split.holdout.test) > 0
        self._send(
            "begun",
            outer_fold=search.plan.outer_fold + 1,
            trials=search.plan.trials,
            folds=len(search.split.folds),
            known=len(known),
        )

    def trial_started(self, trial: int, parameters: Mapping[str, Parameter]) -> None:
        """Pass on the configuration of a trial."""
        self._send("trial_started", trial=trial + 1, **parameters)

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """Pass on the validation UA of an epoch."""
        self._send(
            "epoch",
            trial=trial + 1,
            fold=self._fold(fold),
            epoch=report.epoch,
            validation_uar=None if report.validation is None else report.validation.uar,
        )

    def fold_scored(self, outcome: Outcome) -> None:
        """Pass on the UA of a fold."""
        self._send(
            "fold_scored",
            trial=outcome.trial + 1,
            fold=self._fold(outcome.fold),
            uar=outcome.uar,
            epochs=outcome.epochs,
            seconds=outcome.seconds,
            pruned=outcome.pruned,
        )

    def trial_ended(self, ended: TrialEnded) -> None:
        """Pass on how a trial ended."""
        self._send(
            "trial_ended",
            trial=ended.trial + 1,
            state=ended.state,
            mean_uar=ended.mean_uar,
            failure=ended.failure,
        )

    def last_training_started(self, trial: int) -> None:
        """Pass on which trial won."""
        self._send("last_training_started", trial=trial + 1)

    def last_training_lost(self) -> None:
        """Pass on that the last training of the winner is repeated."""
        self._send("last_training_lost")

    def repeating(self, entry: int, trainings: int, seeds: int) -> None:
        """Pass on the number of trainings that are repeated with other seeds."""
        self._send("repeating", entry=entry, trainings=trainings, seeds=seeds)

    def repeated(self, repetition: Repetition, result: Outcome | DivergedError) -> None:
        """Pass on the UA of a repeated training."""
        uar, failure = (
            (None, str(result)) if isinstance(result, DivergedError) else (result.uar, "")
        )
        self._send(
            "repeated",
            seed=repetition.number,
            outer_fold=repetition.outer_fold + 1,
            fold=self._fold(repetition.fold),
            uar=uar,
            failure=failure,
        )

    def measuring(self, entry: int, threads: int) -> None:
        """Pass on that latency is measured."""
        self._send("measuring_latency", entry=entry, threads=threads)


def run_one(
    given: Mapping[str, Any],
    study_file: Path | None,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    receive: Receive | None = None,
) -> int:
    """Run the study of some options, or continue it.

    Args:
        given: option of ``StudyOptions`` → value.
        study_file: a study file, or None.
        plugins: the plugins with all names in the options.
        workspace: folders of clips and weights.
        database: database of the results.
        receive: called with each event.

    Returns:
        the number of its entry.

    Raises:
        UsageError: the options make several studies, or are not valid.
        SerbenchError: see ``run_plan``.
    """
    asked = read_options(given, study_file, plugins)
    if not asked.backbone:
        raise UsageError(
            "no backbone is given: name one, such as whisper_tiny.en or homebrew",
            missing="backbone",
        )
    manifest = Datasets(database).manifest(chosen_dataset(database, asked.dataset))
    plans = make_plans(asked, manifest, plugins, database, workspace)
    if len(plans) > 1:
        raise UsageError(
            f"these options make {len(plans)} studies, and this function runs one: give one value "
            "for each option, and call the function once for each study",
            studies=len(plans),
        )
    [plan] = plans
    listener = Listener() if receive is None else CallbackListener(receive)
    with executor_of(asked.executor, asked.address) as executor:
        return run_plan(plan, asked, plugins, workspace, database, listener, executor)


def run_plan(
    plan: StudyPlan,
    asked: StudyOptions,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    executor: Executor,
) -> int:
    """Run a study, or continue it, if its backbone is fast enough.

    Args:
        plan: one of the plans of the options.
        asked: the options.
        plugins: the plugins with all names in the plan.
        workspace: folders of clips and weights.
        database: database of the results.
        listener: receives the events.
        executor: runs the trainings.

    Returns:
        the number of its entry.

    Raises:
        TooSlowError: the latency of the backbone is above ``max_latency_ms``.
        SerbenchError: see ``drive_study``.
    """
    if asked.max_latency_ms is not None:
        listener.screening(plan)
        screen(plan, plugins, workspace, database, asked.max_latency_ms)
    return drive_study(
        plan,
        plugins,
        workspace,
        database,
        listener,
        executor,
        parallel=asked.jobs,
        retune=asked.retune,
        allow_known_speakers=asked.allow_known_speakers,
        seeds=asked.seeds,
    )
