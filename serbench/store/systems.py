"""Ranked systems: their numbers, scores, latencies and networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from serbench.data.audio import MEAN
from serbench.data.manifest import Manifest
from serbench.errors import UsageError
from serbench.model.machine import Machine
from serbench.model.recipe import READOUT, Configuration, Recipe
from serbench.score.calibration import fit_temperature
from serbench.score.metric import Metric
from serbench.score.scoring import Tested
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.failures import again_on_conflict
from serbench.store.lineage import Lineage
from serbench.store.machines import LatencyFacts, LatencyKind, add_latency
from serbench.store.predictions import Predictions, joined, scored_predictions, winners
from serbench.store.schema import ArtifactRow, StudyRow, SystemRow
from serbench.store.schema_data import ProtocolRow, SplitRow, UtteranceRow
from serbench.store.schema_machines import LatencyRow, MachineRow
from serbench.store.scores import rescore_system, score_system

if TYPE_CHECKING:
    from serbench.model.complexity import Complexity


@dataclass(frozen=True)
class SystemRecord:
    """The data that are needed to use the network of an entry.

    Attributes:
        plan: plan of its study.
        recipe: components of its network.
        emotions: the label set, in the order of the logits.
        file: the weights file, relative to the artifacts folder.
        sha256: hash of the weights file.
        channel: the channel that was used of training recordings with several channels.
    """

    plan: StudyPlan
    recipe: Recipe
    emotions: tuple[str, ...]
    file: str
    sha256: str
    channel: str = MEAN


class Systems:
    """The ranked systems of one database: the entries of its leaderboard."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_on_conflict
    def rank(
        self,
        plan: StudyPlan,
        metrics: Sequence[Metric],
        lineage: Lineage,
    ) -> int:
        """Make the result of the studies of all outer folds of a plan an entry, and score it.

        A system that already has a number keeps it, even if another trial is now the winner.

        Args:
            plan: plan of the study.
            metrics: metrics of its scores.
            lineage: the speakers and corpora that its initial weights were trained on.

        Returns:
            number of the entry.
        """
        manifest = Datasets(self._database).manifest(plan.dataset, plan.dataset_hash)
        with self._database.session() as session:
            study = session.scalars(select(StudyRow).where(StudyRow.key == plan.key)).one()
            system = study.system
            readouts = [trial.parameters[READOUT] for trial in winners(session, system)]
            system.readout = ", ".join(dict.fromkeys(readouts))
            pretrained_on = lineage.pretrained_on
            system.pretrained_on = None if pretrained_on is None else list(pretrained_on)
            system.known_speakers = list(lineage.known_speakers)
            system.weights_licence = asdict(lineage.licence)
            score_system(session, manifest, system, metrics)
            return system.number or give_number(session, system)

    @again_on_conflict
    def save_complexity(self, number: int, complexity: Complexity) -> None:
        """Keep the size of an entry's network."""
        with self._database.session() as session:
            system = find_system(session, number)
            system.params, system.macs = complexity.params, complexity.macs

    def has_complexity(self, number: int) -> bool:
        """Whether the size of an entry's network is known."""
        with self._database.session() as session:
            return find_system(session, number).params is not None

    def record(self, number: int) -> SystemRecord:
        """The data that are needed to use the network of an entry.

        Raises:
            UsageError: there is no such entry, or its network is not stored.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            if system.imported is not None:
                raise UsageError(
                    f"entry {number} ({system.name}) was imported: its predictions are stored, "
                    "but not its network",
                    number=number,
                )
            plan = StudyPlan.from_dict(first_study(session, system).plan)
            artifact = shipped_artifact(session, system)
            tested = winners(session, system)
            if not tested:
                raise UsageError(
                    f"the study of entry {number} trains its lost network again and is not "
                    "finished: continue it with the same `serbench study run`",
                    number=number,
                )
            winner = tested[0]
            return SystemRecord(
                plan=plan,
                recipe=plan.trained_recipe(Configuration.from_parameters(winner.parameters)),
                emotions=tuple(system.emotions),
                file=artifact.file or "",
                sha256=artifact.sha256,
                channel=_channel(session, system),
            )

    def tested(self, number: int) -> Tested:
        """The stored logits of an entry on its tested clips, their emotion codes and speakers.

        Raises:
            UsageError: there is no such entry, or it has no stored predictions.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            found = all_tested(session, system)
            manifest = manifest_of(self._database, system.protocol)
        return found.logits, manifest.targets[found.rows], manifest.speakers[found.rows]

    def temperature(self, number: int) -> float:
        """The temperature that calibrates an entry's logits, fitted on all its tested clips.

        It is computed from the stored logits, so that it always belongs to the present winner.
        Errors are those of `tested`.
        """
        logits, targets, _ = self.tested(number)
        return fit_temperature(logits, targets)

    @again_on_conflict
    def save_latency(self, number: int, machine: Machine, facts: LatencyFacts) -> None:
        """Store a latency; it replaces an earlier one of the same kind on the same machine."""
        with self._database.session() as session:
            add_latency(session, find_system(session, number), machine, facts)

    def is_measured(self, number: int, machine: Machine, kind: LatencyKind) -> bool:
        """Whether an entry has a latency of this kind on this machine."""
        with self._database.session() as session:
            query = (
                select(LatencyRow.id)
                .join(MachineRow)
                .join(SystemRow)
                .where(
                    SystemRow.number == number,
                    MachineRow.fingerprint == machine.fingerprint,
                    LatencyRow.identity == kind.key,
                )
            )
            return session.scalar(query) is not None

    def numbers(self) -> list[int]:
        """All entries, oldest first."""
        with self._database.session() as session:
            return _numbers(session)

    def rescore(self, number: int, metrics: Sequence[Metric]) -> list[str]:
        """Compute and store all scores of an entry and of the trials of its search from the logits.

        Returns:
            names of the scores that differed from the stored ones or were not stored.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            manifest = manifest_of(self._database, system.protocol)
            return rescore_system(session, manifest, system, metrics)


def find_system(session: Session, number: int) -> SystemRow:
    """The row of an entry.

    Raises:
        UsageError: there is no such entry.
    """
    query = select(SystemRow).where(SystemRow.number == number, SystemRow.deleted.is_(None))
    row = session.scalar(query)
    if row is None:
        known = ", ".join(map(str, _numbers(session)))
        meant = session.scalar(
            select(SystemRow.number)
            .join(StudyRow, StudyRow.system_id == SystemRow.id)
            .where(StudyRow.id == number, SystemRow.deleted.is_(None))
        )
        hint = f" (study {number} has entry {meant})" if meant else ""
        raise UsageError(
            f"there is no entry {number}{hint}: "
            + (f"choose from {known}" if known else "make one with `serbench study run` first"),
            number=number,
        )
    return row


def _numbers(session: Session) -> list[int]:
    query = (
        select(SystemRow.number)
        .where(SystemRow.number.is_not(None), SystemRow.deleted.is_(None))
        .order_by(SystemRow.number)
    )
    return [number for number in session.scalars(query) if number is not None]


def give_number(session: Session, system: SystemRow) -> int:
    """Make a system an entry with the next number; numbers are never used again."""
    highest = session.scalar(select(func.max(SystemRow.number)))
    system.number = (highest or 0) + 1
    session.flush()
    return system.number


def _channel(session: Session, system: SystemRow) -> str:
    """The channel that the scan of a dataset chose for all its recordings."""
    query = select(UtteranceRow.channel).where(
        UtteranceRow.dataset_id == system.protocol.dataset_id
    )
    return session.scalar(query.limit(1)) or MEAN


def all_tested(session: Session, system: SystemRow) -> Predictions:
    """All stored logits of an entry from which its scores are computed.

    Raises:
        UsageError: there are none.
    """
    parts = scored_predictions(session, system)
    if not parts:
        raise UsageError(
            f"entry {system.number} has no stored predictions: run its study again with "
            "`serbench study run`",
            number=system.number,
        )
    return joined(parts)


def manifest_of(database: Database, protocol: ProtocolRow) -> Manifest:
    """The version of a dataset that a protocol split."""
    return Datasets(database).manifest(protocol.dataset.name, protocol.dataset.hash)


def first_study(session: Session, system: SystemRow) -> StudyRow:
    """The study of the first outer fold of a system."""
    query = select(StudyRow).where(StudyRow.system_id == system.id, StudyRow.outer_fold == 0)
    return session.scalars(query).one()


def shipped_artifact(session: Session, system: SystemRow) -> ArtifactRow:
    """The weights file of an entry: the last network of the first outer fold's holdout."""
    query = (
        select(ArtifactRow)
        .join(SplitRow, SplitRow.id == ArtifactRow.split_id)
        .where(ArtifactRow.system_id == system.id)
        .order_by(SplitRow.outer_fold, ArtifactRow.id.desc())
    )
    return session.scalars(query).first() or _missing(system)


def _missing(system: SystemRow) -> ArtifactRow:
    raise UsageError(f"entry {system.number} has no weights file", number=system.number)
