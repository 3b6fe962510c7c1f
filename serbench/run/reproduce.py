"""Train an entry once more, and see whether every logit comes out the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.execute.executor import Executor, InThisProcess
from serbench.execute.fold import Bench
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins
from serbench.run.study import Listener, make_benches
from serbench.search import crossval
from serbench.search.plan import StudyPlan
from serbench.search.space import Configuration
from serbench.store.database import Database
from serbench.store.entry_rows import find_entry
from serbench.store.machines import Machine, this_machine, versions
from serbench.store.predictions import holdouts, read_prediction
from serbench.store.schema import EntryRow, FoldRow, StudyRow, TrialRow
from serbench.workspace import Workspace


@dataclass(frozen=True)
class Recorded:
    """A training as the database has it.

    Attributes:
        outer fold: of the protocol, from 0.
        trial: number.
        parameters: of the configuration.
        fold: its number, or ``holdout``.
        rows: tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        uar: as recorded.
    """

    outer_fold: int
    trial: int
    parameters: dict[str, float]
    fold: int | str
    rows: np.ndarray
    logits: np.ndarray
    uar: float


@dataclass(frozen=True)
class Repeated:
    """A training that was run again.

    Attributes:
        outer fold: of the protocol, from 0.
        fold: its number, or ``holdout``.
        clips: how many were tested.
        largest: the largest difference of two logits; 0 where all agree to the last bit.
        before: UAR as recorded.
        now: UAR of the repetition.
    """

    outer_fold: int
    fold: int | str
    clips: int
    largest: float
    before: float
    now: float

    @property
    def agrees(self) -> bool:
        """True where every logit is the same."""
        return self.largest == 0


def changes_since(database: Database, number: int) -> dict[str, tuple[str, str]]:
    """What has changed since an entry was made, of machine, versions and commit.

    Returns:
        name → what it was, what it is.

    Raises:
        UsageError: no such entry, or one that did not run here.
    """
    with database.session() as session:
        study = _study_of(find_entry(session, number))
        before = {**study.versions, "machine": Machine(**study.machine).name}
    now = {**versions(), "machine": this_machine().name}
    return {
        name: (before.get(name, "not recorded"), now.get(name, "none"))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    }


def reproduce(
    number: int,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    folds: bool = False,
    executor: Executor | None = None,
) -> Iterator[Repeated]:
    """Run an entry's trainings again, with the compute settings it was made with.

    Args:
        number: of the entry.
        plugins: who know what its plan names.
        workspace: where prepared clips are.
        database: where the entry is.
        listener: hears of the preparation and of each epoch.
        folds: whether to repeat the winner's folds too, and not its holdouts only.
        executor: where trainings run; in this process by default.

    Yields:
        each training as it is done.

    Raises:
        UsageError: no such entry, or one that did not run here.
        SerbenchError: its dataset, clips or weights are no longer to be had.
    """
    plan, compute_settings, recorded = _recorded(database, number, folds)
    benches = make_benches(plan, plugins, workspace, database, listener)
    for before in recorded:
        bench = replace(benches[before.outer_fold], compute_settings=compute_settings)
        yield _repeat(bench, before, listener, executor or InThisProcess())


def _repeat(bench: Bench, before: Recorded, listener: Listener, executor: Executor) -> Repeated:
    fold = bench.split.holdout if before.fold == HOLDOUT else bench.split.folds[int(before.fold)]
    configuration = Configuration.from_parameters(before.parameters)
    task = executor.submit(
        crossval.run_fold,
        (bench, before.trial, configuration, before.fold, fold),
        lambda report: listener.epoch(before.trial, before.fold, report),
    )
    executor.wait([task])
    outcome = task.result().outcome
    if not np.array_equal(outcome.rows, before.rows):
        largest = float("inf")
    else:
        largest = float(np.abs(outcome.logits - before.logits).max())
    return Repeated(
        before.outer_fold, before.fold, len(outcome.rows), largest, before.uar, outcome.scores.uar
    )


def _recorded(
    database: Database, number: int, folds: bool
) -> tuple[StudyPlan, ComputeSettings, list[Recorded]]:
    with database.session() as session:
        study = _study_of(find_entry(session, number))
        plan, compute_settings = (
            StudyPlan.from_dict(study.plan),
            ComputeSettings.from_dict(study.compute_settings),
        )
        found = []
        for outer, holdout in enumerate(holdouts(session, study)):
            trial = session.get_one(TrialRow, holdout.trial_id)
            others = [fold for fold in trial.folds if fold.name != HOLDOUT] if folds else []
            found += [_as_recorded(outer, trial, fold) for fold in (*others, holdout)]
    return plan, compute_settings, found


def _study_of(entry: EntryRow) -> StudyRow:
    if entry.artifact is None:
        raise UsageError(
            f"entry {entry.id} ({entry.study.backbone}) was imported: it did not run here, so it "
            "cannot run again"
        )
    return entry.study


def _as_recorded(outer: int, trial: TrialRow, fold: FoldRow) -> Recorded:
    said = read_prediction(fold.prediction)
    return Recorded(
        outer_fold=outer,
        trial=trial.number,
        parameters=dict(trial.parameters),
        fold=fold.name if fold.name == HOLDOUT else int(fold.name),
        rows=said.rows,
        logits=said.logits,
        uar=fold.uar,
    )
