"""A PostgreSQL server that ends and starts again while a study uses it."""

import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy
from making.entries import begin, run_trial
from making.servers import server as running_server

from serbench.data.protocols import parse_protocol
from serbench.errors import DisconnectedError, SerbenchError
from serbench.store import failures, lease
from serbench.store.database import Database
from serbench.store.lease import is_leased, study_lease
from serbench.store.ledger import Ledger
from serbench.store.splits import Splits

OUTAGE = 3.0


@pytest.fixture
def server(monkeypatch):
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), monkeypatch) as made:
        yield made


@pytest.fixture
def database(server):
    made = Database(server.url)
    yield made
    made.engine.dispose()


@pytest.fixture
def outage(server):
    """``outage(seconds)`` stops the server, which is started again after this time."""
    threads = []

    def stop(seconds):
        server.stop()
        threads.append(Thread(target=lambda: (time.sleep(seconds), server.start())))
        threads[-1].start()

    yield stop
    for thread in threads:
        thread.join()


def test_what_is_recorded_meanwhile_is_recorded_once(database, outage, made, tmp_path, capsys):
    manifest = made.manifest()
    plan = made.plan(manifest, protocol="speaker-2:holdout")
    ledger = begin(database, made, manifest, plan, tmp_path)
    outage(OUTAGE)
    start = time.monotonic()
    run_trial(ledger, made, manifest, plan, 0)
    assert time.monotonic() - start > OUTAGE / 2
    assert capsys.readouterr().err.strip()
    assert sorted(ledger.outcomes(plan)) == [(0, 0), (0, 1)]
    assert len(ledger.history(plan)) == 1


def test_a_write_whose_confirmation_was_lost_is_not_doubled(database, made, tmp_path):
    """The attempt is repeated although its rows are there."""
    manifest = made.manifest()
    plan = made.plan(manifest, protocol="speaker-2:holdout")
    ledger = begin(database, made, manifest, plan, tmp_path)
    for _ in range(2):
        run_trial(ledger, made, manifest, plan, 0)
    assert sorted(ledger.outcomes(plan)) == [(0, 0), (0, 1)]


def test_after_too_long_a_time_it_is_an_error(database, server, made, monkeypatch):
    manifest = made.manifest()
    begin(database, made, manifest, made.plan(manifest), "artifacts")
    monkeypatch.setattr(failures, "PATIENCE", 0.2)
    server.stop()
    with pytest.raises(DisconnectedError) as raised:
        Splits(database).of(manifest, parse_protocol("speaker-2"))
    assert raised.value.facts["url"]
    server.start()


def test_a_lease_is_taken_again_after_the_server_was_away(
    database, server, outage, tmp_path, monkeypatch
):
    monkeypatch.setattr(lease, "BEAT", 0.1)
    other = Database(server.url)
    with study_lease(database, tmp_path, "a-study"):
        assert is_leased(other, tmp_path, "a-study")
        server.stop()
        server.start()
        deadline = time.monotonic() + 20
        while not _leased(other, tmp_path):
            assert time.monotonic() < deadline, "it was not taken again"
            time.sleep(0.1)
        with pytest.raises(SerbenchError) as raised, study_lease(other, tmp_path, "a-study"):
            pass
        assert raised.value.facts == {"study": "a-study"}
    assert not is_leased(other, tmp_path, "a-study")
    other.engine.dispose()


def test_a_lease_that_another_process_took_meanwhile_is_lost(
    database, server, made, tmp_path, monkeypatch
):
    manifest = made.manifest()
    plan = made.plan(manifest, protocol="speaker-2:holdout")
    ledger = begin(database, made, manifest, plan, tmp_path)
    monkeypatch.setattr(lease, "BEAT", 1.0)
    other = Database(server.url)
    with ledger.lease(plan):
        run_trial(ledger, made, manifest, plan, 0)
        server.stop()
        server.start()
        number = lease._lock_number(plan.key)
        with other.engine.connect() as faster:
            taken = sqlalchemy.text("SELECT pg_advisory_lock(:number)")
            faster.execute(taken, {"number": number})
            deadline = time.monotonic() + 20
            while plan.key not in database.lost_leases:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            with pytest.raises(SerbenchError) as raised:
                run_trial(ledger, made, manifest, plan, 1)
            assert raised.value.facts == {"study": plan.key}
            faster.detach()
            faster.close()
        while plan.key in database.lost_leases:
            assert time.monotonic() < deadline + 20
            time.sleep(0.1)
        run_trial(ledger, made, manifest, plan, 1)
    assert sorted(ledger.outcomes(plan)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    other.engine.dispose()


def _leased(database, folder):
    try:
        return is_leased(database, folder, "a-study")
    except DisconnectedError:
        return False


def test_the_ledger_of_a_server_that_is_away_is_an_error_at_once_where_nothing_is_written(
    database, server, made, tmp_path
):
    manifest = made.manifest()
    plan = made.plan(manifest)
    begin(database, made, manifest, plan, tmp_path)
    server.stop()
    with pytest.raises(DisconnectedError):
        Ledger(database, tmp_path).history(plan)
    server.start()
