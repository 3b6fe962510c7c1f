"""Several drivers on one PostgreSQL server, a server that is away, and readers beside a writer."""

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from making.servers import server as running_server
from sqlalchemy import select

import serbench
from serbench.store.database import Database
from serbench.store.schema import PredictionRow, StudyRow, SystemRow, TrainingRow, TrialRow

pytestmark = pytest.mark.services

DRIVERS, STUDIES = 4, 12

OUTAGE = 20.0

DRIVER = """
    import sys, time
    import serbench
    from making.records import latency
    from serbench.errors import SerbenchError
    from serbench.run import completion

    completion.measure_latency = lambda job: latency()
    url, first, last, left = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), set()
    left.update(range(last))
    order = [(first + number) % last for number in range(last)]
    while left:
        for seed in order:
            if seed not in left:
                continue
            try:
                serbench.study("homebrew", seed=seed, database=url, protocol="speaker-2:holdout",
                               trials=2, epochs=2, executor="here", threads=1, precision="fp32")
            except SerbenchError as error:
                if "study" not in error.facts:
                    raise
                time.sleep(0.2)
            else:
                left.remove(seed)
"""


def driver(url, folder, first=0, last=1):
    """A process that runs the studies with seeds ``0 … last - 1``, beginning with one of them."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), url, str(first), str(last)],
        env={**os.environ, "SERBENCH_CACHE": str(folder / "cache"), "PYTHONPATH": path},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return err


@pytest.fixture
def server(monkeypatch):
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), monkeypatch) as made:
        yield made


def scanned(url, tiny_corpus, folder, monkeypatch):
    monkeypatch.setenv("SERBENCH_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)
    serbench.scan(tiny_corpus, "tiny", database=url)


def recorded(url):
    """(seed, trial, fold) → logits of each training, and how often each is recorded."""
    database = Database(url)
    query = (
        select(StudyRow.plan, TrialRow.number, TrainingRow, PredictionRow.logits)
        .join(TrialRow, TrialRow.study_id == StudyRow.id)
        .join(TrainingRow, TrainingRow.trial_id == TrialRow.id)
        .join(
            PredictionRow,
            (PredictionRow.system_id == TrainingRow.system_id)
            & (PredictionRow.split_id == TrainingRow.split_id),
        )
    )
    with database.session() as session:
        rows = [
            ((plan["seed"], number, training.split.fold), logits)
            for plan, number, training, logits in session.execute(query)
        ]
        entries = len(session.scalars(select(SystemRow.number).where(SystemRow.number > 0)).all())
    database.engine.dispose()
    return dict(rows), Counter(place for place, _ in rows), entries


def test_four_drivers_on_twelve_studies_lose_and_double_nothing(
    server, tiny_corpus, tmp_path, monkeypatch
):
    scanned(server.url, tiny_corpus, tmp_path, monkeypatch)
    drivers = [
        driver(server.url, tmp_path, number * STUDIES // DRIVERS, STUDIES)
        for number in range(DRIVERS)
    ]
    for each in drivers:
        ended(each)
    found, counts, entries = recorded(server.url)
    assert entries == STUDIES
    assert len(found) == STUDIES * (2 * 2 + 1)
    assert set(counts.values()) == {1}
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    scanned(alone, tiny_corpus, tmp_path, monkeypatch)
    ended(driver(alone, tmp_path, 0, STUDIES))
    assert recorded(alone)[0] == found


def test_a_study_survives_an_outage_of_its_server(server, tiny_corpus, tmp_path, monkeypatch):
    scanned(server.url, tiny_corpus, tmp_path, monkeypatch)
    running = driver(server.url, tmp_path, last=3)
    deadline = time.monotonic() + 120
    while not recorded(server.url)[0]:
        assert time.monotonic() < deadline, "no fold was recorded"
        assert running.poll() is None
        time.sleep(0.1)
    server.stop()
    time.sleep(OUTAGE)
    server.start()
    ended(running)
    found, counts, entries = recorded(server.url)
    assert (entries, set(counts.values())) == (3, {1})
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    scanned(alone, tiny_corpus, tmp_path, monkeypatch)
    ended(driver(alone, tmp_path, 0, 3))
    assert recorded(alone)[0] == found


READER = """
    import sys, time
    import serbench

    url, until, count = sys.argv[1], time.time() + float(sys.argv[2]), 0
    while time.time() < until:
        results = serbench.open(url)
        results.leaderboard(threads=None), results.folds()
        count += 1
    print(count)
"""


def test_eight_readers_beside_a_writer_meet_no_error(tiny_corpus, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'serbench.db'}"
    scanned(url, tiny_corpus, tmp_path, monkeypatch)
    ended(driver(url, tmp_path, 0, 1))
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(READER), url, "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    ended(driver(url, tmp_path, 0, 4))
    for each in readers:
        out, err = each.communicate(timeout=300)
        assert each.returncode == 0, err
        assert int(out) > 0
    found, counts, entries = recorded(url)
    assert (entries, len(found), set(counts.values())) == (4, 4 * 5, {1})
