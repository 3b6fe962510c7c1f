"""The same store on a real PostgreSQL."""

import pytest
import sqlalchemy
from making.entries import LINEAGE, PARAMETERS, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import StorageError
from serbench.model.complexity import Complexity
from serbench.store import schema  # noqa: F401 - it declares the tables
from serbench.store.base import Base
from serbench.store.database import MARK_TABLE, Database
from serbench.store.datasets import Datasets
from serbench.store.entries import delete_entry
from serbench.store.lease import is_leased
from serbench.store.systems import Systems
from serbench.views.ranking import rankings
from serbench.views.study import study_view, study_views


@pytest.fixture(scope="module")
def url(postgresql_url):
    """A database on a server of its own."""
    return postgresql_url


@pytest.fixture(scope="module")
def database(url):
    """That database, with its tables."""
    opened = Database(url)
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def ledger(database, made, artifacts):
    """The ledger of a study of two trials, finished."""
    manifest = made.manifest()
    plan = made.plan(manifest)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    run_trial(ledger, made, manifest, plan, 1, skill=4.0)
    finish(ledger, made, manifest, plan, 1, skill=4.0)
    return ledger


@pytest.fixture(scope="module")
def entry(database, made, ledger):
    """The number of its entry, measured."""
    systems = Systems(database)
    number = systems.rank(made.plan(made.manifest()), made.metrics, LINEAGE)
    systems.save_complexity(number, Complexity(3, 2**40))
    systems.save_latency(number, made.machine, made.latency())
    return number


def test_it_has_exactly_the_declared_tables(database):
    names = set(sqlalchemy.inspect(database.engine).get_table_names())
    assert names == {*Base.metadata.tables, MARK_TABLE}


def test_a_second_serbench_opens_it_as_it_is(url, database, entry):
    again = Database(url)
    with again.session() as session:
        assert session.connection().dialect.name == "postgresql"
    assert [each.as_dict() for each in study_views(again)] == [
        each.as_dict() for each in study_views(database)
    ]
    again.engine.dispose()


def test_a_manifest_and_its_account_are_read_back(database, entry, made):
    assert Datasets(database).manifest("small") == made.manifest()
    account = Datasets(database).dataset_account("small")
    assert list(account["by_emotion"]) == list(made.manifest().emotions)


def test_a_scan_of_the_same_recordings_refreshes_their_paths(database, entry, made):
    moved = made.manifest(folder="/elsewhere")
    Datasets(database).save_scan(made.scanned(moved))
    assert Datasets(database).manifest("small") == moved
    Datasets(database).save_scan(made.scanned(made.manifest()))


def test_outcomes_come_back_bit_for_bit(ledger, entry, made):
    manifest = made.manifest()
    plan = made.plan(manifest)
    outcomes = ledger.outcomes(plan)
    assert outcomes.keys() == {(0, 0), (0, 1), (1, 0), (1, 1), (1, HOLDOUT)}
    for (trial, fold), outcome in outcomes.items():
        saved = made.outcome(manifest, trial, fold, plan, skill=4.0 * trial)
        assert outcome.logits.tobytes() == saved.logits.tobytes()
        assert outcome.rows.tolist() == saved.rows.tolist()


def test_history_has_the_same_parameters(ledger, entry, made):
    trials = ledger.history(made.plan(made.manifest()))
    assert [trial.state for trial in trials] == ["complete", "complete"]
    assert trials[0].parameters == PARAMETERS


def test_the_entry_is_ranked(database, entry, made):
    [ranking] = rankings(database)
    [row] = [each.as_dict() for each in ranking.rows]
    assert (row["entry"], row["rank"], row["front"], row["macs"]) == (
        entry,
        1,
        "on the front",
        2**40,
    )


def test_the_study_is_shown(database, entry):
    [row] = [each.as_dict() for each in study_views(database)]
    shown = study_view(database, row["study"]).as_dict()
    assert len(shown["trials"][1]["folds"]) == 3


def test_rescored_nothing_changes(database, entry, made):
    assert Systems(database).rescore(entry, made.metrics) == []


def test_a_lease_is_seen_by_others(database, ledger, made, artifacts):
    plan = made.plan(made.manifest())
    assert not is_leased(database, artifacts, plan.key)
    with ledger.lease(plan):
        assert is_leased(database, artifacts, plan.key)
    assert not is_leased(database, artifacts, plan.key)


def test_an_entry_is_deleted(database, entry, artifacts):
    delete_entry(database, entry, artifacts)
    assert Systems(database).numbers() == []


def test_what_the_server_refuses_is_one_line_without_a_password(url):
    wrong = url.replace("postgres:@/postgres", "postgres:geheim@/nowhere")
    with pytest.raises(StorageError) as raised:
        Datasets(Database(wrong)).datasets()
    message = str(raised.value)
    assert 'database "nowhere" does not exist' in raised.value.facts["cause"]
    assert "geheim" not in message
    assert "\n" not in message
