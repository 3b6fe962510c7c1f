"""The same store on a real PostgreSQL."""

import tempfile

import optuna
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from optuna.storages import RDBStorage

from serbench.errors import StorageError
from serbench.model.compute import ComputeSettings
from serbench.store.database import VERSION_TABLE, Database
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryFacts
from serbench.store.schema import Base
from serbench.store.studies import Studies
from serbench.views.leaderboard import read_rankings
from serbench.views.study import list_studies, show_study


@pytest.fixture(scope="module")
def url():
    """A database on a server of its own, which ends with these tests."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pgserver

        with tempfile.TemporaryDirectory() as data:
            server = pgserver.get_server(data)
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            server.cleanup()


@pytest.fixture(scope="module")
def database(url):
    """That database, migrated."""
    opened = Database(url)
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def entry(database, made):
    """The number of an entry that went the whole way from a scan."""
    manifest = made.manifest()
    plan = made.plan(manifest)
    Datasets(database).save_scan(made.scanned(manifest))
    studies = Studies(database)
    studies.begin_study(plan, ComputeSettings(1))
    for trial in range(2):
        studies.begin_trial(plan, trial, {"learning_rate": 0.001, "freeze_depth": trial})
        for fold in range(2):
            studies.save_fold(plan, made.outcome(manifest, trial, fold))
        studies.end_trial(plan, trial, "complete", 0.5 + trial / 4)
    facts = EntryFacts(1, "none", params=3, macs=2**40, artifact="a", artifact_sha256="0")
    studies.finish_study(plan, made.outcome(manifest, 1, "holdout"))
    number = Entries(database).save_entry(plan, facts)
    Entries(database).save_latency(number, made.machine, made.latency())
    return number


def ours(name, kind, parents):
    """True for what is not one of Optuna's tables."""
    return kind != "table" or name in Base.metadata.tables


def test_migrations_make_exactly_the_declared_schema(database):
    with database.engine.connect() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE, "include_name": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_serbench_opens_it_as_it_is(url, database, entry):
    again = Database(url)
    with again.session() as session:
        assert session.connection().dialect.name == "postgresql"
    assert list_studies(again) == list_studies(database)
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


def test_folds_come_back_bit_for_bit(database, entry, made):
    folds = Studies(database).folds(made.plan(made.manifest()))
    assert folds.keys() == {(0, 0), (0, 1), (1, 0), (1, 1), (1, "holdout")}
    for (trial, fold), outcome in folds.items():
        saved = made.outcome(made.manifest(), trial, fold)
        assert outcome.logits.tobytes() == saved.logits.tobytes()
        assert outcome.rows.tolist() == saved.rows.tolist()


def test_the_entry_is_ranked(database, entry):
    [ranking] = read_rankings(database)
    [row] = ranking.rows
    assert (row.entry, row.rank, row.front, row.macs) == (entry, 1, "on the front", 2**40)


def test_the_overview_counts_the_same(database, entry):
    [row] = list_studies(database)
    assert (row["trials"], row["best_mean_uar"], row["entry"]) == (2, 0.75, entry)
    assert len(show_study(database, row["study"])["trials"][1]["folds"]) == 3


def test_an_entry_is_used_with_its_label_set_in_order(database, entry, made):
    record = Entries(database).record(entry)
    assert record.emotions == made.manifest().emotions
    assert record.plan == made.plan(made.manifest())


@pytest.fixture
def optuna_storage(url):
    """Makes Optuna's own storage in that database, once and again."""
    opened = []

    def open_storage():
        opened.append(RDBStorage(url))
        return opened[-1]

    yield open_storage
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


def test_optuna_keeps_its_trials_in_the_same_database(optuna_storage, database, entry):
    study = optuna.create_study(storage=optuna_storage(), study_name="serbench-test")
    study.enqueue_trial({"x": 0.25})
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    again = optuna.load_study(study_name="serbench-test", storage=optuna_storage())
    assert again.best_value == 0.25
    tables = set(sqlalchemy.inspect(database.engine).get_table_names())
    assert tables >= {"trials", "trial", "studies", "study"}
    assert len(list_studies(database)) == 1


def test_what_the_server_refuses_is_one_line_without_a_password(url):
    wrong = url.replace("postgres:@/postgres", "postgres:geheim@/nowhere")
    with pytest.raises(StorageError) as raised:
        Datasets(Database(wrong)).datasets()
    message = str(raised.value)
    assert 'database "nowhere" does not exist' in message
    assert "geheim" not in message
    assert "\n" not in message
