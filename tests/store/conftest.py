"""A dataset, a plan and outcomes that nobody had to record or train."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from serbench.data.clips import ClipFormat
from serbench.data.corpus import SHARED_EMOTIONS
from serbench.data.manifest import Manifest, Utterance, make_manifest
from serbench.data.scan import Scan
from serbench.execute.fold import FoldOutcome
from serbench.score.metrics import score
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.latency import LatencyFacts
from serbench.store.machines import Machine


def utterance(speaker: int, emotion: str, folder: str, take: int) -> Utterance:
    """One recording, as a scan would have found it."""
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
    """A scan that found nothing else."""
    return Scan(manifest, found=len(manifest), skipped=(), conflicts=())


def plan(manifest: Manifest, **changes: object) -> StudyPlan:
    """A small study of the homebrew network on ``manifest``."""
    made = StudyPlan(
        backbone="homebrew",
        dataset=manifest.name,
        dataset_hash=manifest.hash,
        front_end="mel",
        schedule="half-cycle",
        protocol="speaker-2",
        weights="default",
        trials=2,
        epochs=3,
        batch_size=32,
        seed=0,
        timeout=None,
        clip_format=ClipFormat(),
        augmentations=("time-shift", "time-mask"),
    )
    return replace(made, **changes)


def outcome(manifest: Manifest, trial: int, fold: int | str) -> FoldOutcome:
    """What an untrained network might have said about every other clip."""
    rows = np.arange(0, len(manifest), 2, dtype=np.int64)
    chance = np.random.default_rng([trial, len(str(fold)), len(manifest)])
    logits = chance.normal(size=(len(rows), len(manifest.emotions))).astype(np.float32)
    return FoldOutcome(
        trial=trial,
        fold=fold,
        rows=rows,
        logits=logits,
        scores=score(logits, manifest.targets[rows]),
        epochs=3,
        best_epoch=2,
        seconds=1.25,
        seed=2**31 - 1,
        weights="none",
    )


def latency(**changes: object) -> LatencyFacts:
    """A measurement."""
    facts = LatencyFacts("eager", 1, 100, 3.0, 4.0, 5.0, 1.0, 1.5, 2.0, 2.5)
    return replace(facts, **changes)


MACHINE = Machine("A processor", 2, "Linux x86_64")


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """``made.manifest()``, ``made.scanned()``, ``made.plan()``, ``made.outcome()``, …"""
    return SimpleNamespace(
        manifest=manifest,
        scanned=scanned,
        plan=plan,
        outcome=outcome,
        latency=latency,
        machine=MACHINE,
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database in a file."""
    opened = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    yield opened
    opened.engine.dispose()
