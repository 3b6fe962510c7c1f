"""The ledger: the only record of studies, trials and trainings, written while they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT
from serbench.execute.job import Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.environment import Environment, versions
from serbench.model.machine import this_machine
from serbench.model.ranges import Searched, plain_ranges
from serbench.search.events import (
    Event,
    FoldScored,
    TrialEnded,
    TrialRecord,
    TrialStarted,
    WinnerTested,
)
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import write_arrays
from serbench.store.base import now
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.failures import again_on_conflict
from serbench.store.holdout import forget_lost_holdout, retire_winner
from serbench.store.lease import require_lease, study_lease
from serbench.store.looks import count_look
from serbench.store.networks import (
    LostFold,
    drop_beaten,
    lost_folds,
    network_file,
    record_network,
)
from serbench.store.outcomes import TRAINING_FIELDS, outcome_of
from serbench.store.predictions import EAGER
from serbench.store.schema import (
    PredictionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.splits import StoredProtocol, split_row
from serbench.store.trials import drop_progress, trial_records


class Ledger:
    """The studies of one database.

    Args:
        database: the database with the studies.
        artifacts: folder of the weights files; each file is written before its row.
    """

    def __init__(self, database: Database, artifacts: Path) -> None:
        self._database = database
        self._artifacts = artifacts

    @contextmanager
    def lease(self, plan: StudyPlan) -> Iterator[None]:
        """Prevent a second process from running the same study.

        Raises:
            SerbenchError: another process has the lease.
            StorageError: the lock cannot be made.
        """
        with study_lease(self._database, self._artifacts, plan.key):
            yield

    @again_on_conflict
    def begin(
        self,
        plan: StudyPlan,
        protocol: StoredProtocol,
        emotions: tuple[str, ...],
        compute: ComputeSettings,
        space: Mapping[str, Searched],
    ) -> None:
        """Write the row of a study, or give it the present budget, and mark it as unfinished.

        Args:
            plan: plan of the study.
            protocol: its protocol on its dataset.
            emotions: the label set, in the order of the logits.
            compute: its compute settings; a study that has begun keeps its own.
            space: the range or the choice of each searched parameter.
        """
        with self._database.session() as session:
            row = session.scalar(select(StudyRow).where(StudyRow.key == plan.key))
            if row is None:
                family = plan.of_outer_fold(0).key
                first = session.scalar(select(StudyRow).where(StudyRow.key == family))
                row = StudyRow(
                    key=plan.key,
                    outer_fold=plan.outer_fold,
                    protocol_id=protocol.id,
                    plan=plan.as_dict(),
                    space=plain_ranges(space),
                    compute_settings=compute.as_dict(),
                    machine=asdict(this_machine()),
                    versions=versions(),
                    system=_system(plan, protocol.id, emotions) if first is None else first.system,
                )
                session.add(row)
            else:
                trials = max(plan.trials, len(row.trials))
                row.plan = replace(plan, trials=trials).as_dict()
                row.finished = None
                for trial in row.trials:
                    trial.progress.clear()

    @again_on_conflict
    def finish(self, plan: StudyPlan) -> None:
        """Mark a study as finished: its winner was tested, or all its trials failed."""
        with self._database.session() as session:
            study = _study(session, plan)
            study.finished = study.finished or now()

    def compute_settings(self, plan: StudyPlan) -> ComputeSettings | None:
        """The compute settings of a study, or None if it has not begun."""
        with self._database.session() as session:
            query = select(StudyRow.compute_settings).where(StudyRow.key == plan.key)
            found = session.scalar(query)
            return None if found is None else ComputeSettings.from_dict(found)

    def history(self, plan: StudyPlan) -> list[TrialRecord]:
        """All trials of a study so far, by number."""
        with self._database.session() as session:
            study = session.scalar(select(StudyRow).where(StudyRow.key == plan.key))
            return [] if study is None else trial_records(study)

    def outcomes(self, plan: StudyPlan) -> dict[tuple[int, int | str], Outcome]:
        """All recorded outcomes of a plan, with which it is continued: (trial, fold) → outcome."""
        targets = Datasets(self._database).manifest(plan.dataset, plan.dataset_hash).targets
        with self._database.session() as session:
            query = (
                select(TrainingRow, PredictionRow, TrialRow.number)
                .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
                .join(StudyRow, StudyRow.id == TrialRow.study_id)
                .join(
                    PredictionRow,
                    (PredictionRow.system_id == TrainingRow.system_id)
                    & (PredictionRow.split_id == TrainingRow.split_id)
                    & (PredictionRow.runtime == EAGER),
                )
                .where(StudyRow.key == plan.key)
            )
            found = [
                outcome_of(training, prediction, number, targets)
                for training, prediction, number in session.execute(query)
            ]
        return {(outcome.trial, outcome.fold): outcome for outcome in found}

    def environments(self, plan: StudyPlan) -> list[Environment]:
        """The environments of all trainings of a plan's system in all its outer folds."""
        columns = TrainingRow.machine, TrainingRow.device, TrainingRow.versions
        system = select(StudyRow.system_id).where(StudyRow.key == plan.key)
        with self._database.session() as session:
            query = (
                select(*columns)
                .join(TrialRow, TrialRow.id == TrainingRow.trial_id)
                .join(StudyRow, StudyRow.id == TrialRow.study_id)
                .where(StudyRow.system_id.in_(system))
            )
            return [Environment.from_dict(row._asdict()) for row in session.execute(query)]

    def forget_lost_holdout(self, plan: StudyPlan) -> bool:
        """Remove the winner's test if its network is lost, so that it is trained again."""
        return forget_lost_holdout(self._database, self._artifacts, plan)

    def lost_folds(self, plan: StudyPlan) -> list[LostFold]:
        """The winner's trainings on the folds of the search with missing networks."""
        return lost_folds(self._database, self._artifacts, plan)

    def save_network(self, plan: StudyPlan, lost: LostFold, outcome: Outcome) -> None:
        """Store a network that was trained again, if its logits equal the recorded ones."""
        if outcome.logits.astype("<f4").tobytes() != lost.logits:
            return
        file = self._artifacts / network_file(plan, lost.trial, lost.fold)
        sha256 = write_arrays(outcome.state, file)
        with self._database.session() as session:
            record_network(session, plan, outcome, lost.system, lost.split, sha256)

    @again_on_conflict
    def record(self, plan: StudyPlan, event: Event) -> None:
        """Record an event of a study before the next event.

        Raises:
            SerbenchError: another process has taken over the study.
        """
        require_lease(self._database, plan.of_outer_fold(0).key)
        match event:
            case TrialStarted():
                self._begin_trial(plan, event)
            case FoldScored():
                self._save_training(plan, event.outcome)
            case TrialEnded():
                self._end_trial(plan, event)
            case WinnerTested():
                self._save_training(plan, event.outcome)

    def _begin_trial(self, plan: StudyPlan, event: TrialStarted) -> None:
        with self._database.session() as session:
            study = _study(session, plan)
            if any(trial.number == event.trial for trial in study.trials):
                return
            system = _system(plan, study.protocol_id, tuple(study.system.emotions))
            parameters = dict(event.parameters)
            study.trials.append(TrialRow(number=event.trial, parameters=parameters, system=system))

    def _save_training(self, plan: StudyPlan, outcome: Outcome) -> None:
        """Store logits and network of one training; the last one of the winner ends the study."""
        last, uar = outcome.fold == HOLDOUT, outcome.uar if len(outcome.rows) else None
        file = network_file(plan, outcome.trial, outcome.fold)
        kept = bool(outcome.state) and not outcome.pruned
        sha256 = write_arrays(outcome.state, self._artifacts / file) if kept else ""
        with self._database.session() as session:
            study = _study(session, plan)
            trial = _trial(study, outcome.trial)
            split = split_row(session, study.protocol_id, plan.outer_fold, outcome.fold)
            system = study.system if last else trial.system
            logits = outcome.logits.astype("<f4").tobytes()
            if any(each.split_id == split.id for each in trial.trainings):
                known = select(PredictionRow.logits).where(
                    PredictionRow.system_id == system.id,
                    PredictionRow.runtime == EAGER,
                    PredictionRow.split_id == split.id,
                )
                if session.scalar(known) == logits:
                    return  # recorded by an attempt whose confirmation was lost
            if last:
                retire_winner(session, study, split.id, self._artifacts, trial)
                if uar is not None:
                    count_look(session, system, split, trial.number, uar)
            system.weights = outcome.weights
            drop_progress(trial, outcome.fold)
            trial.trainings.append(
                TrainingRow(
                    split_id=split.id,
                    system_id=system.id,
                    uar=uar,
                    curve=list(outcome.curve),
                    losses=list(outcome.losses),
                    **outcome.environment.as_dict(),
                    **{name: getattr(outcome, name) for name in TRAINING_FIELDS},
                )
            )
            session.add(
                PredictionRow(system_id=system.id, runtime=EAGER, split_id=split.id, logits=logits)
            )
            if kept:
                record_network(session, plan, outcome, system.id, split.id, sha256)
            if last:
                study.finished = now()

    def _end_trial(self, plan: StudyPlan, event: TrialEnded) -> None:
        with self._database.session() as session:
            study = _study(session, plan)
            trial = _trial(study, event.trial)
            trial.state, trial.failure = event.state, event.failure
            trial.mean_uar = event.mean_uar
            trial.progress.clear()
            drop_beaten(session, study, self._artifacts)


def _system(plan: StudyPlan, protocol: int, emotions: tuple[str, ...]) -> SystemRow:
    return SystemRow(
        name=plan.backbone,
        front_end=plan.front_end,
        schedule=plan.schedule,
        head=plan.head,
        objective=plan.objective,
        weights=plan.weights,
        clip_format=asdict(plan.clip_format),
        emotions=list(emotions),
        protocol_id=protocol,
    )


def _study(session: Session, plan: StudyPlan) -> StudyRow:
    return session.scalars(select(StudyRow).where(StudyRow.key == plan.key)).one()


def _trial(study: StudyRow, number: int) -> TrialRow:
    return next(trial for trial in study.trials if trial.number == number)
