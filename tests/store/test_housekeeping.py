"""Datasets are deleted and renamed, and the content of a database is counted."""

import json

import pytest
from making.entries import add_entry, begin

from serbench.errors import StorageError, UnknownNameError, UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.entries import delete_entry
from serbench.store.housekeeping import database_info, delete_dataset, rename_dataset, vacuum
from serbench.store.looks import count_looks
from serbench.store.schema import StudyRow
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow, UtteranceRow
from serbench.store.studies import delete_study
from serbench.store.systems import Systems, find_system
from serbench.views.reading import entry_view


@pytest.fixture
def manifest(made):
    return made.manifest()


@pytest.fixture
def clips(tmp_path):
    """Two folders of prepared clips of unknown recordings."""
    for name in ("one", "two"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        (tmp_path / "clips" / name / "clips.json").write_text(json.dumps({"audio": name}))
    return tmp_path / "clips"


def test_a_dataset_that_nothing_needs_is_deleted_wholly(database, made, manifest, clips):
    Datasets(database).save_scan(made.scanned(manifest))
    Datasets(database).save_scan(made.scanned(made.manifest("kept", takes=2)))
    delete_dataset(database, "small", clips)
    assert [account["name"] for account in Datasets(database).datasets()] == ["kept"]
    with database.session() as session:
        assert session.query(DatasetRow).count() == 1
        assert session.query(UtteranceRow).count() == 48
    with pytest.raises(UnknownNameError):
        delete_dataset(database, "small", clips)
    assert len(list(clips.iterdir())) == 2, "others' clips stay"


def test_a_dataset_that_studies_need_is_kept_and_they_are_named(
    database, made, manifest, artifacts, clips
):
    add_entry(database, made, manifest, protocol="speaker-2:holdout", artifacts=artifacts)
    begin(database, made, manifest, made.plan(manifest, seed=5), artifacts)
    with pytest.raises(UsageError) as refusal:
        delete_dataset(database, "small", clips)
    assert refusal.value.facts == {"dataset": "small", "entries": (1,), "studies": (2,)}
    assert Datasets(database).has_dataset("small")


def test_training_and_test_data_of_deleted_entries_stay_recorded(
    database, made, manifest, artifacts, clips
):
    add_entry(database, made, manifest, artifacts=artifacts)
    delete_entry(database, 1, artifacts)
    delete_dataset(database, "small", clips)
    assert not Datasets(database).has_dataset("small")
    assert Datasets(database).datasets() == []
    with database.session() as session:
        assert session.query(UtteranceRow).count() == len(manifest)
        assert session.query(SplitRow).count() > 0
    again = add_entry(database, made, manifest, seed=1, artifacts=artifacts)
    with database.session() as session:
        assert count_looks(session)[find_system(session, again).id].total == 2


def test_a_renamed_dataset_keeps_its_studies_and_entries(database, made, manifest, artifacts):
    entry = add_entry(database, made, manifest, artifacts=artifacts)
    rename_dataset(database, "small", "large")
    assert entry_view(database, entry).dataset == "large"
    assert Datasets(database).dataset_account("large")["name"] == "large"
    assert Systems(database).record(entry).plan.dataset == "large"
    assert Systems(database).rescore(entry, made.metrics) == []
    with database.session() as session:
        [study, _] = session.query(StudyRow)
        assert study.key == Systems(database).record(entry).plan.key
    Datasets(database).save_scan(made.scanned(manifest))
    with pytest.raises(UsageError) as refusal:
        rename_dataset(database, "large", "small")
    assert refusal.value.facts == {"dataset": "small"}


@pytest.mark.parametrize("name", ["", "two\nlines"])
def test_no_dataset_is_renamed_to_what_cannot_be_a_name(database, made, manifest, name):
    Datasets(database).save_scan(made.scanned(manifest))
    with pytest.raises(UsageError):
        rename_dataset(database, "small", name)


def test_the_content_of_a_database_is_counted(database, made, manifest, artifacts):
    entry = add_entry(database, made, manifest, protocol="speaker-2:holdout", artifacts=artifacts)
    begin(database, made, manifest, made.plan(manifest, seed=5), artifacts)
    found = database_info(database, artifacts)
    files = list(artifacts.glob("*.safetensors"))
    assert (found.datasets, found.studies, found.entries, found.predictions) == (1, 2, 1, 3)
    assert (found.artifacts, found.lost_artifacts) == (len(files), 0)
    assert found.artifact_bytes == sum(path.stat().st_size for path in files)
    files[0].unlink()
    assert database_info(database, artifacts).lost_artifacts == 1
    delete_entry(database, entry, artifacts)
    delete_study(database, 2, artifacts)
    found = database_info(database, artifacts)
    assert (found.studies, found.entries, found.predictions, found.artifacts) == (0, 0, 0, 0)
    vacuum(database)
    assert database_info(database, artifacts).bytes <= found.bytes


def test_a_password_is_not_shown(made):
    from serbench.store.urls import shown_url

    assert "secret" not in shown_url("postgresql://me:secret@host/db")


def test_reading_makes_no_database(tmp_path):
    path = tmp_path / "typo.db"
    reader = Database(f"sqlite:///{path}", create=False)
    assert not reader.exists
    with pytest.raises(StorageError) as refusal:
        Datasets(reader).datasets()
    assert refusal.value.facts == {"path": path}
    assert not path.exists()


def test_reading_fills_no_empty_database(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(StorageError) as refusal:
        Datasets(Database(f"sqlite:///{path}", create=False)).datasets()
    assert refusal.value.facts == {"url": str(path)}
    assert path.stat().st_size == 0


def test_protocols_go_with_their_dataset(database, made, manifest, artifacts, clips):
    plan = made.plan(manifest)
    begin(database, made, manifest, plan, artifacts)
    with database.session() as session:
        study = session.query(StudyRow).one()
        system = study.system
        session.delete(study)
        session.flush()
        session.delete(system)
    delete_dataset(database, "small", clips)
    with database.session() as session:
        assert session.query(ProtocolRow).count() == session.query(SplitRow).count() == 0
