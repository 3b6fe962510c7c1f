"""Entries in other runtimes: the networks that are tested again there, and their logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, shown_fold
from serbench.errors import UsageError, WeightsError
from serbench.model.recipe import Configuration, Recipe
from serbench.score.confusion import Tally
from serbench.score.metric import CORRECTED, Metric, Score
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.networks import network_of
from serbench.store.predictions import rows_from, runtime_of, winners
from serbench.store.schema import (
    PredictionRow,
    ScoreRow,
    StudyRow,
    SystemRow,
    TallyRow,
    TrainingRow,
)
from serbench.store.scores import score_system
from serbench.store.systems import find_system, manifest_of, shipped_artifact


@dataclass(frozen=True, eq=False)
class TestedNetwork:
    """A network of an entry that was tested on clips on which it was not trained.

    Attributes:
        recipe: its components.
        files: its weights, relative to the artifacts folder, each with its hash. Arrays of a later
            file replace those of an earlier one: a network with frozen parts is stored without
            them, and they are those of the whole network of the same configuration.
        train: rows of its training clips ``[n]``.
        test: rows of its tested clips ``[m]``.
        system: id of the system to which its logits belong.
        split: id of the split.
    """

    recipe: Recipe
    files: tuple[tuple[str, str], ...]
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    system: int
    split: int


class Variants:
    """The logits and scores of entries in other runtimes than that of their training."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def manifest(self, number: int) -> Manifest:
        """The dataset of an entry.

        Raises:
            UsageError: there is no such entry.
        """
        with self._database.session() as session:
            return manifest_of(self._database, find_system(session, number).protocol)

    def networks(self, number: int) -> list[TestedNetwork]:
        """The networks from whose logits an entry's scores are computed.

        Raises:
            UsageError: there is no such entry.
            WeightsError: the file of one of them was deleted.
        """
        with self._database.session() as session:
            return _networks(session, find_system(session, number))

    def training_rows(self, number: int) -> npt.NDArray[np.int64]:
        """Rows ``[n]`` of the clips that the shipped network of an entry was trained on.

        Raises:
            UsageError: there is no such entry, or it was imported without a network.
        """
        with self._database.session() as session:
            return rows_from(shipped_artifact(session, find_system(session, number)).split.train)

    def is_scored(self, number: int, runtime: str) -> bool:
        """Whether an entry has the logits of a runtime for all its tested networks."""
        with self._database.session() as session:
            system = find_system(session, number)
            return _has_all(session, _networks(session, system), runtime)

    def tally(self, number: int, runtime: str | None = None) -> Tally:
        """The tested clips of an entry in a runtime, by default that of its training.

        Raises:
            UsageError: there is no such entry, or it has no scores there.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            name = runtime or runtime_of(system)
            place = (system.id, name, system.protocol_id, 0)
            found = session.get(TallyRow, place)
            if found is None:
                raise UsageError(
                    f"entry {number} has no scores in runtime {name}: measure it there with "
                    f"`serbench latency {number} --runtime {name}`",
                    number=number,
                    runtime=name,
                )
            return Tally.from_bytes(found.counts)

    def uar(self, number: int, runtime: str) -> Score:
        """UA of an entry in a runtime; where that keeps logits, that of its training.

        Raises:
            UsageError: there is no such entry, or it has no scores.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            evidence = system.protocol.evidence
            for name in (runtime, runtime_of(system)):
                place = (system.id, name, system.protocol_id, "uar", evidence)
                found = session.get(ScoreRow, place)
                if found is not None:
                    return Score(found.value, found.low, found.high, found.spread)
        raise UsageError(
            f"entry {number} has no scores: compute them with `serbench leaderboard rescore`",
            number=number,
        )

    @again_on_conflict
    def save(
        self,
        number: int,
        runtime: str,
        logits: Sequence[tuple[TestedNetwork, npt.NDArray[np.float32]]],
        metrics: Sequence[Metric],
    ) -> None:
        """Store the logits of all tested networks of an entry in a runtime, and score them.

        Earlier ones of the runtime are replaced.
        """
        with self._database.session() as session:
            system = find_system(session, number)
            for network, found in logits:
                place = {
                    "system_id": network.system,
                    "split_id": network.split,
                    "runtime": runtime,
                }
                session.execute(delete(PredictionRow).filter_by(**place))
                session.add(PredictionRow(**place, logits=found.astype("<f4").tobytes()))
            session.flush()
            manifest = manifest_of(self._database, system.protocol)
            score_system(session, manifest, system, metrics, runtime)


def _has_all(session: Session, found: Sequence[TestedNetwork], runtime: str) -> bool:
    return all(
        session.get(PredictionRow, (network.system, runtime, network.split)) is not None
        for network in found
    )


def _networks(session: Session, system: SystemRow) -> list[TestedNetwork]:
    corrected = system.protocol.evidence == CORRECTED
    found = []
    for trial in winners(session, system):
        plan = StudyPlan.from_dict(_plan(session, trial.study_id))
        recipe = plan.trained_recipe(Configuration.from_parameters(trial.parameters))
        [last] = [each for each in trial.trainings if each.split.fold == HOLDOUT]
        whole = _file(session, system, last)
        for training in trial.trainings if corrected else [last]:
            if training is last and corrected:
                continue
            own = [] if training is last else [_file(session, system, training)]
            found.append(
                TestedNetwork(
                    recipe=recipe,
                    files=(whole, *own),
                    train=rows_from(training.split.train),
                    test=rows_from(training.split.test),
                    system=training.system_id,
                    split=training.split_id,
                )
            )
    return found


def _file(session: Session, system: SystemRow, training: TrainingRow) -> tuple[str, str]:
    artifact = network_of(session, training.system_id, training.split_id)
    if artifact is None or artifact.file is None:
        raise WeightsError(
            f"the network of fold {shown_fold(training.split.fold)} of entry {system.number} is "
            f"missing: train it again with `serbench study reproduce {system.number} --folds`",
            number=system.number,
        )
    return artifact.file, artifact.sha256


def _plan(session: Session, study: int) -> dict[str, object]:
    found = session.get(StudyRow, study)
    assert found is not None
    return found.plan
