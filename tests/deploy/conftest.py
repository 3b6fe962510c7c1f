"""A database that knows a tiny dataset, and a plan to study it."""

import pytest

from serbench.data.clips import ClipFormat
from serbench.data.scan import Scan
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def plan(database, tiny_manifest):
    Datasets(database).save_scan(Scan(tiny_manifest, len(tiny_manifest), (), ()))
    return StudyPlan(
        backbone="homebrew",
        dataset=tiny_manifest.name,
        dataset_hash=tiny_manifest.hash,
        front_end="mel",
        schedule="half-cycle",
        protocol="speaker-2",
        weights="none",
        trials=1,
        epochs=1,
        batch_size=8,
        seed=0,
        timeout=None,
        clip_format=ClipFormat(),
    )
