"""A search that was killed continues with the same candidates, and has the same results."""

import signal

import pytest

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
def test_killed_twice_a_search_has_the_same_results(place_at, tmp_path):
    command = ("search", str(tmp_path / "tiny"), *OPTIONS)
    undisturbed, place = place_at("undisturbed.db"), place_at("killed.db")
    assert undisturbed.run(*command) == 0
    for pattern in (r"\w+: trial 1 of 1, ", r"\w+: trial 2 of 4, "):
        running = place.start(command, disabled="")
        running.wait_for(pattern)
        assert running.kill() == -signal.SIGKILL
    assert place.run(*command) == 0
    assert results(place.db) == results(undisturbed.db)
