"""The entries of the leaderboard, recorded and read back."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.protocols import HOLDOUT, parse_protocol, protocol_id
from serbench.errors import UsageError
from serbench.score.metrics import score
from serbench.score.standing import Standing, standing
from serbench.score.tally import METRICS
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.entry_rows import find_entry, manifest_of
from serbench.store.latency import LatencyFacts
from serbench.store.machines import Machine, versions
from serbench.store.predictions import read_folds, read_holdouts, read_prediction
from serbench.store.schema import EntryRow, LatencyRow, MachineRow, StudyRow, TrialRow


@dataclass(frozen=True)
class EntryFacts:
    """What is known of a study's winner beside its scores.

    Attributes:
        trial: number of the winning trial; of several outer folds, the first's.
        weights: identity of what it started from.
        params: parameters of the network.
        macs: multiply-accumulates for one clip.
        artifact: the weights file, relative to the artifacts folder.
        artifact_sha256: its content's hash.
    """

    trial: int
    weights: str
    params: int
    macs: int
    artifact: str
    artifact_sha256: str


@dataclass(frozen=True)
class EntryRecord:
    """What is needed to use an entry's network: plan, label set, weights file and its hash."""

    plan: StudyPlan
    emotions: tuple[str, ...]
    artifact: str
    artifact_sha256: str


class Entries:
    """The entries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_entry(self, plan: StudyPlan, facts: EntryFacts) -> int:
        """Rank what the studies of all outer folds of a plan came to; their holdouts are recorded.

        Returns:
            the entry's number.
        """
        with self._database.session() as session:
            study = session.scalars(select(StudyRow).where(StudyRow.key == plan.key)).one()
            found = standing_of(session, self._database, study)
            entry = EntryRow(
                study_id=study.id,
                protocol_id=identifier_of(self._database, study),
                **asdict(facts),
                **found.as_dict(),
            )
            session.add(entry)
            session.flush()
            return entry.id

    def entry_of(self, plan: StudyPlan) -> int | None:
        """The entry that a plan produced, or None while it is not finished."""
        with self._database.session() as session:
            return session.scalar(
                select(EntryRow.id).join(StudyRow).where(StudyRow.key == plan.key)
            )

    def record(self, number: int) -> EntryRecord:
        """What is needed to use an entry's network.

        Raises:
            UsageError: no such entry, or one whose network is not here.
        """
        with self._database.session() as session:
            row = find_entry(session, number)
            if row.artifact is None or row.artifact_sha256 is None:
                raise UsageError(
                    f"entry {number} ({row.study.backbone}) was imported: its predictions are "
                    "here, its network is not"
                )
            return EntryRecord(
                plan=StudyPlan.from_dict(row.study.plan),
                emotions=tuple(row.study.dataset.account["by_emotion"]),
                artifact=row.artifact,
                artifact_sha256=row.artifact_sha256,
            )

    def save_latency(self, entry: int, machine: Machine, facts: LatencyFacts) -> None:
        """Keep a measurement; an older one of the same kind is replaced."""
        with self._database.session() as session:
            row = session.scalar(
                select(MachineRow).where(MachineRow.fingerprint == machine.fingerprint)
            )
            if row is None:
                row = MachineRow(fingerprint=machine.fingerprint, **asdict(machine))
                session.add(row)
                session.flush()
            older = session.scalar(
                select(LatencyRow).filter_by(
                    entry_id=entry,
                    machine_id=row.id,
                    runtime=facts.runtime,
                    threads=facts.threads,
                )
            )
            if older is not None:
                session.delete(older)
                session.flush()
            session.add(
                LatencyRow(entry_id=entry, machine_id=row.id, versions=versions(), **asdict(facts))
            )

    def latency_threads(self, entry: int, machine: Machine) -> list[int]:
        """Thread counts at which an entry was measured on a machine."""
        with self._database.session() as session:
            query = (
                select(LatencyRow.threads)
                .join(MachineRow)
                .where(LatencyRow.entry_id == entry, MachineRow.fingerprint == machine.fingerprint)
            )
            return list(session.scalars(query))

    def numbers(self) -> list[int]:
        """All entries, oldest first."""
        with self._database.session() as session:
            return list(session.scalars(select(EntryRow.id).order_by(EntryRow.id)))

    def rescore(self, number: int) -> list[str]:
        """Compute all scores of an entry and of its studies' folds anew from the logits.

        Returns:
            the names of those that were not what was stored; they are now.
        """
        with self._database.session() as session:
            entry = find_entry(session, number)
            found = standing_of(session, self._database, entry.study).as_dict()
            if not entry.protocol_id:  # of before entries had one
                found["protocol_id"] = identifier_of(self._database, entry.study)
            changed = [name for name, value in found.items() if value != getattr(entry, name)]
            for name in changed:
                setattr(entry, name, found[name])
            return changed + _rescore_folds(session, self._database, entry.study)


def _rescore_folds(session: Session, database: Database, study: StudyRow) -> list[str]:
    """Compute the scores of every fold and trial of a family of studies anew."""
    targets = manifest_of(database, study).targets
    changed = []
    for trial in session.scalars(
        select(TrialRow).join(StudyRow).where(StudyRow.family == study.family)
    ):
        for fold in trial.folds:
            said = read_prediction(fold.prediction)
            scores = score(said.logits, targets[said.rows])
            for name in METRICS:
                if getattr(fold, name) != getattr(scores, name):
                    setattr(fold, name, getattr(scores, name))
                    changed.append(f"trial {trial.number + 1} fold {fold.name} {name}")
        uars = [fold.uar for fold in trial.folds if fold.name != HOLDOUT]
        if trial.mean_uar is not None and uars and trial.mean_uar != float(np.mean(uars)):
            trial.mean_uar = float(np.mean(uars))
            changed.append(f"trial {trial.number + 1} mean_uar")
    return changed


def standing_of(session: Session, database: Database, study: StudyRow) -> Standing:
    """Compute from the stored logits how well a study did in all its outer folds.

    Args:
        session: an open one.
        database: whose.
        study: of the first outer fold.
    """
    return standing(
        manifest_of(database, study), read_holdouts(session, study), read_folds(session, study)
    )


def identifier_of(database: Database, study: StudyRow) -> str:
    """The protocol's identifier on the dataset that was studied."""
    return protocol_id(manifest_of(database, study), parse_protocol(study.protocol))
