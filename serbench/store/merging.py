"""Merging of another database into this one: what both have is not doubled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.errors import UsageError
from serbench.store.backup import frozen
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.merging_data import DataMerger, copied
from serbench.store.merging_files import FileMerger
from serbench.store.predictions import winners
from serbench.store.schema import (
    CandidateRow,
    LookRow,
    PredictionRow,
    RepetitionRow,
    ScoreRow,
    StudyRow,
    SystemRow,
    TallyRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.schema_machines import LatencyRow
from serbench.store.systems import give_number
from serbench.store.urls import shown_url


@dataclass
class Merged:
    """What was added to a database.

    Attributes:
        datasets: number of versions of datasets.
        studies: number of studies, one for each outer fold.
        trials: number of their trials.
        entries: number in the other database → new number here.
        latencies: number of latencies.
        predictions: number of sets of logits.
        files: number of weights files.
        lost: names of weights files that the other database names and does not have.
        shorter: numbers of studies here that have fewer trials than in the other database; their
            further trials are not added.
    """

    datasets: int = 0
    studies: int = 0
    trials: int = 0
    entries: dict[int, int] = field(default_factory=dict)
    latencies: int = 0
    predictions: int = 0
    files: int = 0
    lost: list[str] = field(default_factory=list)
    shorter: list[int] = field(default_factory=list)


@again_on_conflict
def merge(database: Database, artifacts: Path, other: Database, other_artifacts: Path) -> Merged:
    """Add the datasets, studies, entries and latencies of another database.

    Datasets are the same if name and recordings are the same; studies, if their plans are; imported
    entries, if file and protocol are; machines, if their fingerprints are. All else that belongs to
    them is compared within them. Merging a second time changes nothing.

    Args:
        database: the database that receives them.
        artifacts: folder of its weights files.
        other: the other database, which is only read.
        other_artifacts: folder of its weights files.

    Raises:
        UsageError: both are the same database, or a protocol has other splits in it.
        StorageError: a database or a folder cannot be read or written.
    """
    if shown_url(database.url) == shown_url(other.url):
        raise UsageError(
            f"{shown_url(other.url)} is this database itself: name another one",
            url=shown_url(other.url),
        )
    merged = Merged()
    with frozen(other) as still, still.session() as source, database.session() as target:
        _Merger(source, target, merged, FileMerger(artifacts, other_artifacts)).merge()
    return merged


class _Merger:
    """One merge: rows of ``source`` are copied into ``target``."""

    def __init__(self, source: Session, target: Session, merged: Merged, files: FileMerger) -> None:
        self._source, self._target, self._merged, self._files = source, target, merged, files
        self._data = DataMerger(source, target)
        self._systems: dict[int, SystemRow] = {}

    def merge(self) -> None:
        for dataset in self._data.datasets():
            self._merged.datasets += self._data.dataset(dataset)
        # In the order of their numbers, so that entries keep their order.
        query = select(SystemRow).order_by(SystemRow.number.is_(None), SystemRow.number)
        everything = list(self._source.scalars(query))
        of_trials = set(self._source.scalars(select(TrialRow.system_id)))
        for system in everything:
            if system.id not in of_trials:
                self._system(system)
        self._files.rows(self._source, self._target, self._systems, self._data)
        for candidate in self._source.scalars(select(CandidateRow)):
            known = select(CandidateRow).filter_by(key=candidate.key)
            if self._target.scalar(known) is None:
                self._target.add(copied(candidate))
        self._merged.files, self._merged.lost = self._files.copied, self._files.lost

    def _system(self, system: SystemRow) -> None:
        """Add a system with its studies, or what it lacks here if both have it."""
        query = select(StudyRow).where(StudyRow.system_id == system.id).order_by(StudyRow.id)
        studies = list(self._source.scalars(query))
        known = self._known(system, studies)
        if known is not None:
            self._systems[system.id] = known
            self._looks(system, known)
            self._complete(system, known, studies)
            return
        added = self._new_system(system)
        if system.number is not None and system.deleted is None:
            self._merged.entries[system.number] = give_number(self._target, added)
        for study in studies:
            self._study(study, added)

    def _known(self, system: SystemRow, studies: list[StudyRow]) -> SystemRow | None:
        """The same system here."""
        if studies:
            keys = [study.key for study in studies]
            found = self._target.scalars(select(StudyRow).where(StudyRow.key.in_(keys))).first()
            return None if found is None else found.system
        protocol = self._data.protocol(system.protocol)
        same = select(SystemRow).where(SystemRow.protocol_id == protocol)
        if system.imported is not None and system.deleted is None:
            same = same.where(SystemRow.imported == system.imported, SystemRow.deleted.is_(None))
        else:  # only the row of a deleted system is left
            same = same.where(
                SystemRow.created == system.created,
                SystemRow.name == system.name,
                SystemRow.weights == system.weights,
            )
        return self._target.scalars(same.order_by(SystemRow.id)).first()

    def _new_system(self, system: SystemRow) -> SystemRow:
        protocol = self._data.protocol(system.protocol)
        added = copied(system, number=None, protocol_id=protocol)
        self._target.add(added)
        self._target.flush()
        self._systems[system.id] = added
        self._results(system, added)
        self._looks(system, added)
        return added

    def _study(self, study: StudyRow, system: SystemRow) -> None:
        added = copied(
            study,
            system_id=system.id,
            protocol_id=system.protocol_id,
            speed_tuning_id=self._data.speed_tuning(study.speed_tuning),
        )
        self._target.add(added)
        self._target.flush()
        self._merged.studies += 1
        for trial in study.trials:
            own = self._new_system(trial.system)
            row = copied(trial, study_id=added.id, system_id=own.id)
            self._target.add(row)
            self._target.flush()
            self._merged.trials += 1
            for training in trial.trainings:
                self._training(training, row)

    def _training(self, training: TrainingRow, trial: TrialRow) -> None:
        row = copied(
            training,
            trial_id=trial.id,
            system_id=self._systems[training.system_id].id,
            split_id=self._data.split(training.split),
        )
        self._target.add(row)
        self._target.flush()
        query = select(RepetitionRow).filter_by(training_id=training.id)
        for repetition in self._source.scalars(query):
            self._target.add(copied(repetition, training_id=row.id))

    def _complete(self, system: SystemRow, known: SystemRow, studies: list[StudyRow]) -> None:
        """Add the results that a system lacks here, if it has the same networks."""
        for study in studies:
            query = select(StudyRow).where(StudyRow.key == study.key)
            here = self._target.scalar(query)
            if here is None or len(here.trials) < len(study.trials):
                first = select(StudyRow.id).where(StudyRow.system_id == known.id)
                self._merged.shorter += [here.id if here else self._target.scalars(first).one()]
        theirs, ours = winners(self._source, system), winners(self._target, known)
        if [self._winner(each) for each in theirs] == [self._winner(each) for each in ours]:
            self._results(system, known)
            for winner, own in zip(theirs, ours, strict=True):
                self._systems[winner.system_id] = own.system
                self._results(winner.system, own.system)

    def _winner(self, trial: TrialRow) -> tuple[object, ...]:
        """A winner and its logits, which are equal if its networks are."""
        query = (
            select(PredictionRow.logits)
            .join(TrainingRow, TrainingRow.system_id == PredictionRow.system_id)
            .where(
                TrainingRow.trial_id == trial.id,
                TrainingRow.split_id == PredictionRow.split_id,
                PredictionRow.runtime == "eager",
            )
            .order_by(TrainingRow.id)
        )
        session = self._source if trial in self._source else self._target
        return trial.study.outer_fold, trial.number, sorted(session.scalars(query))

    def _results(self, system: SystemRow, here: SystemRow) -> None:
        """Add the predictions, scores, tallies and latencies that a system lacks."""
        target = self._target
        for prediction in list(system.predictions):
            place = (here.id, prediction.runtime, self._data.split(prediction.split))
            if target.get(PredictionRow, place) is None:
                row = copied(prediction, system_id=here.id, split_id=place[2])
                target.add(row)
                self._merged.predictions += 1
        protocol = here.protocol_id
        for score in system.scores:
            key = (here.id, score.runtime, protocol, score.metric, score.evidence)
            if target.get(ScoreRow, key) is None:
                target.add(copied(score, system_id=here.id, protocol_id=protocol))
        for tally in system.tallies:
            if target.get(TallyRow, (here.id, tally.runtime, protocol, tally.place)) is None:
                target.add(copied(tally, system_id=here.id, protocol_id=protocol))
        for latency in system.latencies:
            machine = self._data.machine(latency.machine)
            same = {"system_id": here.id, "machine_id": machine, "identity": latency.identity}
            if target.scalar(select(LatencyRow).filter_by(**same)) is None:
                target.add(copied(latency, **same))
                self._merged.latencies += 1
        target.flush()

    def _looks(self, system: SystemRow, here: SystemRow) -> None:
        """Add the tests on holdouts that are not counted here yet."""
        for look in self._source.scalars(select(LookRow).filter_by(system_id=system.id)):
            split = self._data.split(self._data.split_of(look.split_id))
            same = {"system_id": here.id, "split_id": split, "trial": look.trial}
            if self._target.scalar(select(LookRow).filter_by(**same)) is None:
                self._target.add(copied(look, **same))
        self._target.flush()
