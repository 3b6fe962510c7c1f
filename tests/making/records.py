"""A dataset, a plan and outcomes without recordings and trainings."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from serbench.data.clips import ClipFormat
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import Manifest, Utterance, make_manifest
from serbench.data.protocols import HOLDOUT, Fold, parse_protocol, split_dataset
from serbench.data.scan import Scan
from serbench.execute.job import Outcome
from serbench.model.environment import Environment
from serbench.model.machine import Machine
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.machines import LatencyFacts, LatencyKind

PAPERS = ClipFormat(24_414, 2.618, "keep", "reflect")
"""The clip format of Berhoff and Lu."""


def utterance(speaker: int, emotion: str, folder: str, take: int) -> Utterance:
    """One recording, as a scan would find it."""
    name = f"{speaker}-{emotion}-{take}"
    return Utterance(
        path=f"{folder}/{name}.wav",
        corpus="ravdess",
        speaker=f"ravdess/{speaker:02}",
        emotion=emotion,
        label=emotion[:3],
        audio_hash=hashlib.sha256(name.encode()).hexdigest(),
        sample_rate=48_000,
        channels=1 + speaker % 2,
        frames=100_000 + speaker,
        sex=None if speaker == 1 else "female",
        sentence=None if take else "kids",
    )


def manifest(name: str = "small", folder: str = "/here", takes: int = 1) -> Manifest:
    """Four speakers × six emotions × ``takes``."""
    return make_manifest(
        name,
        [
            utterance(speaker, emotion, folder, take)
            for speaker in range(1, 5)
            for emotion in SHARED_EMOTIONS
            for take in range(takes)
        ],
    )


def scanned(manifest: Manifest) -> Scan:
    """A scan that found only these recordings."""
    return Scan(manifest, found=len(manifest), skipped=(), conflicts=())


def plan(manifest: Manifest, **changes: object) -> StudyPlan:
    """A small study of the homebrew network on ``manifest``."""
    made = StudyPlan(
        backbone="homebrew",
        dataset=manifest.name,
        dataset_hash=manifest.hash,
        front_end="mel",
        schedule="half-cycle",
        protocol="speaker-2:holdout",
        weights="default",
        trials=2,
        epochs=3,
        batch_size=32,
        seed=0,
        timeout=None,
        clip_format=PAPERS,
        readouts=("pooled",),
        augmentations=("time-shift", "time-mask"),
    )
    return replace(made, **changes)


def split(manifest: Manifest, protocol: str, outer_fold: int, fold: int | str) -> Fold:
    """The rows of one split according to the rule of the protocol."""
    outer = split_dataset(manifest, parse_protocol(protocol)).outer_folds[outer_fold]
    return outer.holdout if fold == HOLDOUT else outer.folds[int(fold)]


def outcome(
    manifest: Manifest, trial: int, fold: int | str, plan: StudyPlan, skill: float = 0.0
) -> Outcome:
    """A possible outcome of a trial's training, without training.

    The logit of the true emotion is greater by ``skill`` standard deviations.
    """
    rows = split(manifest, plan.protocol, plan.outer_fold, fold).test
    chance = np.random.default_rng([trial, len(str(fold)), len(rows), plan.seed, plan.outer_fold])
    logits = chance.normal(size=(len(rows), len(manifest.emotions)))
    logits[np.arange(len(rows)), manifest.targets[rows]] += skill
    return Outcome(
        trial=trial,
        fold=fold,
        rows=rows,
        logits=logits.astype(np.float32),
        confusion=(
            confusion_of(logits.astype(np.float32), manifest.targets[rows])
            if len(rows)  # the last training has no test rows if nothing is set aside
            else np.zeros((logits.shape[1],) * 2, dtype=np.int64)
        ),
        epochs=3,
        best_epoch=2,
        seconds=1.25,
        seed=2**31 - 1,
        weights="none",
        environment=ENVIRONMENT,
        curve=(0.25, 0.5, 0.375),
        losses=(1.5, 1.25, 1.375),
        state={"head.bias": np.full(len(manifest.emotions), trial, np.float32)},
    )


PARTS = {"front_end_p50": 1.0, "front_end_p90": 1.5, "network_p50": 2.0, "network_p90": 2.5}
"""Latencies of front end and network."""


def latency(**changes: object) -> LatencyFacts:
    """A latency, with changes to its fields or to those of its kind."""
    kind = LatencyKind("eager", "fp32", 1, 2.618, {"python": "3.11", "torch": "2.5.1"})
    ours = {name: changes.pop(name) for name in vars(kind) if name in changes}
    facts = LatencyFacts(replace(kind, **ours), 100, 3.0, 4.0, 5.0, **PARTS)
    return replace(facts, **changes)


MACHINE = Machine("A processor", 2, "Linux x86_64")

ENVIRONMENT = Environment(MACHINE, "cpu", {"python": "3.11.4", "torch": "2.5.1+cpu"})


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """``made.manifest()``, ``made.scanned()``, ``made.plan()``, ``made.outcome()``, …"""
    return SimpleNamespace(
        manifest=manifest,
        scanned=scanned,
        plan=plan,
        outcome=outcome,
        split=split,
        latency=latency,
        machine=MACHINE,
        environment=ENVIRONMENT,
        metrics=list(Plugins().metrics),
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database in a file."""
    opened = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The folder of the weights files."""
    return tmp_path / "artifacts"
