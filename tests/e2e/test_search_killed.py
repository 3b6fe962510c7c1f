"""A search that was killed continues with the same candidates, and has the same results."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import Place, Running

from serbench.search import racing
from serbench.store.database import Database
from serbench.store.schema import PredictionRow, StudyRow, SystemRow

OPTIONS = (
    *("--backbone", "homebrew", "--backbone", "test_efficientnet"),
    *("--weights", "test_efficientnet=none", "--protocol", "speaker-2", "--epochs", "1"),
)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """In this process, only two rungs: one trial, then four."""
    monkeypatch.setattr(racing, "LAST_RUNG", 1)


def results(db):
    """The trials, logits and entries of all studies, without dates and durations."""
    database = Database(f"sqlite:///{db}")
    with database.session() as session:
        found = (
            {
                (study.plan["backbone"], trial.number): (trial.state, trial.parameters)
                for study in session.query(StudyRow)
                for trial in study.trials
            },
            {row.logits for row in session.query(PredictionRow)},
            {(row.number, row.name) for row in session.query(SystemRow) if row.number},
        )
    database.engine.dispose()
    return found


@pytest.mark.slow
def test_killed_twice_a_search_has_the_same_results(tmp_path, tiny_folder):
    shutil.copytree(tiny_folder / "tiny", tmp_path / "tiny")
    command = ("search", str(tmp_path / "tiny"), *OPTIONS)
    undisturbed = Place(tmp_path / "undisturbed.db", tiny_folder / "cache", [])
    assert undisturbed.run(*command) == 0
    place = Place(tmp_path / "killed.db", tiny_folder / "cache", [])
    for pattern in (r"\w+: trial 1 of 1, ", r"\w+: trial 2 of 4, "):
        running = Running(
            subprocess.Popen(
                [sys.executable, "-m", "serbench.cli.main", *command, "--db", str(place.db)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "SERBENCH_CACHE": str(place.cache),
                    "OMP_NUM_THREADS": "1",
                    "SERBENCH_JOBS": "2",
                },
            )
        )
        running.wait_for(pattern)
        assert running.kill() == -signal.SIGKILL
        running.process.stderr.close()
    assert place.run(*command) == 0
    assert results(place.db) == results(undisturbed.db)
