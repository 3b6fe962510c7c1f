"""Databases with invented studies, for benchmarks of reading."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit
from sqlalchemy import Connection, insert

from serbench.data.protocols import HOLDOUT
from serbench.model.machine import Machine
from serbench.score.confusion import COUNT_METRICS, Tally, score_counts
from serbench.score.metric import CROSS_VALIDATION
from serbench.store.database import Database
from serbench.store.machines import LatencyKind
from serbench.store.predictions import EAGER, rows_to
from serbench.store.schema import (
    PredictionRow,
    ScoreRow,
    StudyRow,
    SystemRow,
    TallyRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow
from serbench.store.schema_machines import LatencyRow, MachineRow

FOLDS, CLIPS, SPEAKERS, EMOTIONS = 5, 100, 24, 6
EMOTION_NAMES = [f"emotion-{number}" for number in range(EMOTIONS)]
BACKBONES = 20
MACHINE = Machine("A processor", 2, "Linux x86_64")
KINDS = [LatencyKind(EAGER, "fp32", threads, 2.618, {"torch": "2.5.1"}) for threads in (1, 2)]
OTHER_SCORES = {"ece": 0.1, "log_loss": 1.2, "auc": 0.8}
"""Metrics that are not computed from counts."""


@dataclass(frozen=True)
class Contents:
    """The size of a database."""

    entries: int
    trials: int

    @property
    def name(self) -> str:
        """Text for users."""
        return f"{self.entries} entries of {self.trials} trials"

    @property
    def trainings(self) -> int:
        """Number of trainings of all studies."""
        return self.entries * self.trials * FOLDS


def fill(path: Path, contents: Contents) -> None:
    """Create a database of studies, each with an entry and its latencies on one machine."""
    engine = Database(f"sqlite:///{path}").engine
    random = np.random.default_rng(0)
    speakers = random.normal(0, 0.7, (SPEAKERS, EMOTIONS))
    with engine.begin() as connection:
        _add_protocol(connection)
        connection.execute(insert(MachineRow).values(fingerprint="made", facts=asdict(MACHINE)))
    for number in range(1, contents.entries + 1):
        with engine.begin() as connection:
            system = _add_system(connection, number)
            _add_study(connection, number, system, contents.trials, random)
            _add_scores(connection, number, system, speakers, random)
    engine.dispose()


def _add_protocol(connection: Connection) -> None:
    """Add a dataset and a protocol with the splits of all studies."""
    connection.execute(
        insert(DatasetRow).values(
            id=1, scan=1, name="made", hash="0" * 64, synthetic=True, account={}
        )
    )
    connection.execute(
        insert(ProtocolRow).values(
            id=1,
            dataset_id=1,
            name="speaker-5:holdout",
            identifier="speaker-5:holdout#00000000",
            evidence=HOLDOUT,
        )
    )
    rows = rows_to(np.arange(CLIPS))
    connection.execute(
        insert(SplitRow).values(protocol_id=1, outer_fold=0, train=rows, test=rows, hash="0" * 64),
        [{"id": fold + 1, "fold": str(fold)} for fold in range(FOLDS)],
    )


def _add_system(connection: Connection, number: int | None) -> int:
    """Add a system, which is an entry if it has a number; returns the id of its row."""
    backbone = 0 if number is None else number % BACKBONES
    added = connection.execute(
        insert(SystemRow).values(
            number=number,
            name=f"backbone-{backbone}",
            front_end="mel",
            schedule="half-cycle",
            head="linear",
            objective="cross-entropy",
            weights="none",
            emotions=EMOTION_NAMES,
            protocol_id=1,
            params=1_000_000,
            macs=10_000_000,
        )
    )
    [identity] = added.inserted_primary_key or (0,)
    return int(identity)


def _add_study(
    connection: Connection, number: int, system: int, trials: int, random: np.random.Generator
) -> None:
    key = f"{number:016}"
    connection.execute(
        insert(StudyRow).values(
            id=number,
            key=key,
            protocol_id=1,
            system_id=system,
            plan={"trials": trials, "rest": "as long as a plan is " * 40},
            space={},
            compute_settings={"threads": 2, "precision": "fp32"},
            machine={},
            versions={},
        )
    )
    systems = [_add_system(connection, None) for _ in range(trials)]
    first = (number - 1) * trials + 1
    parameters = {
        "readout": "pooled",
        "learning_rate": 0.001,
        "freeze_depth": 0,
        "width:noise": 0.1,
    }
    uars = random.uniform(0.3, 0.7, trials).tolist()
    connection.execute(
        insert(TrialRow).values(study_id=number, state="complete", parameters=parameters),
        [
            {"id": first + place, "number": place, "mean_uar": uar, "system_id": tried}
            for place, (tried, uar) in enumerate(zip(systems, uars, strict=True))
        ],
    )
    connection.execute(
        insert(TrainingRow).values(
            uar=0.5,
            epochs=20,
            best_epoch=15,
            seconds=60.0,
            seed=0,
            weights="none",
            curve=[0.5] * 20,
            losses=[1.5] * 20,
            pruned=False,
            machine={},
            device="cpu",
            versions={},
        ),
        [
            {"trial_id": first + place, "system_id": tried, "split_id": fold + 1}
            for place, tried in enumerate(systems)
            for fold in range(FOLDS)
        ],
    )
    logits = random.normal(size=(trials, FOLDS, CLIPS * EMOTIONS)).astype("<f4")
    connection.execute(
        insert(PredictionRow).values(runtime=EAGER),
        [
            {"system_id": tried, "split_id": fold + 1, "logits": logits[place, fold].tobytes()}
            for place, tried in enumerate(systems)
            for fold in range(FOLDS)
        ],
    )


def _add_scores(
    connection: Connection,
    number: int,
    system: int,
    speakers: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Add scores and latencies: larger backbones are slower and usually better.

    The scores of an entry on each of the speakers are random.
    """
    size = (number % BACKBONES) / BACKBONES
    right = expit(size + random.normal(0, 0.3) + speakers + random.normal(0, 0.3, speakers.shape))
    answers = np.repeat(((1 - right) / (EMOTIONS - 1))[..., None], EMOTIONS, axis=2)
    answers[:, np.arange(EMOTIONS), np.arange(EMOTIONS)] = right
    tally = Tally(tuple(f"made/{n:02}" for n in range(SPEAKERS)), random.multinomial(8, answers))
    scores: dict[str, float] = dict(OTHER_SCORES)
    scores |= {metric: score_counts(tally.confusion, metric) for metric in COUNT_METRICS}
    tested = {"system_id": system, "runtime": EAGER, "protocol_id": 1}
    connection.execute(
        insert(ScoreRow).values(**tested),
        [
            {
                "metric": metric,
                "evidence": evidence,
                "value": value + shift,
                "low": value + shift - 0.05,
                "high": value + shift + 0.05,
                "spread": spread,
            }
            for evidence, shift, spread in (
                (HOLDOUT, 0.0, None),
                (CROSS_VALIDATION, 0.02, 0.03),
            )
            for metric, value in scores.items()
        ],
    )
    connection.execute(insert(TallyRow).values(**tested, counts=tally.to_bytes()))
    p50 = 2.0 * 40**size * float(random.lognormal(0, 0.2))
    spread = float(random.uniform(1.02, 1.3))
    connection.execute(
        insert(LatencyRow).values(system_id=system, machine_id=1, runs=100, versions={}),
        [
            {
                "identity": kind.key,
                "kind": asdict(kind),
                "p50": p50 / kind.threads,
                "p90": spread * p50 / kind.threads,
                "p99": 2 * spread * p50 / kind.threads,
            }
            for kind in KINDS
        ],
    )
