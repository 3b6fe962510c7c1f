"""Databases that are merged: what both have is not doubled."""

import shutil

import pytest
from making.entries import LINEAGE, add_entry, begin, finish, predictions_like, run_trial

from serbench.data.protocols import parse_protocol
from serbench.errors import UsageError
from serbench.store.checking import check_files
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.merging import merge
from serbench.store.schema import (
    ArtifactRow,
    LookRow,
    PredictionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
)
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow, UtteranceRow
from serbench.store.schema_machines import LatencyRow, MachineRow
from serbench.store.systems import Systems

TABLES = (
    *(ArtifactRow, LookRow, PredictionRow, StudyRow, SystemRow, TrainingRow, DatasetRow),
    *(ProtocolRow, SplitRow, UtteranceRow, LatencyRow, MachineRow),
)


@pytest.fixture
def other(tmp_path):
    """Another database, and the folder of its weights files."""
    folder = tmp_path / "other"
    folder.mkdir()
    opened = Database(f"sqlite:///{folder / 'other.db'}")
    yield opened, folder / "other-artifacts"
    opened.engine.dispose()


def counts(database):
    with database.session() as session:
        return {table.__tablename__: session.query(table).count() for table in TABLES}


def logits_of(database, entry):
    logits, targets, speakers = Systems(database).tested(entry)
    return logits.tolist(), targets.tolist(), speakers.tolist()


def add(place, made, manifest, **options):
    database, artifacts = place
    entry = add_entry(database, made, manifest, artifacts=artifacts, **options)
    Systems(database).save_latency(entry, made.machine, made.latency())
    return entry


def test_entries_of_another_database_get_new_numbers(database, other, artifacts, made, manifest):
    ours = add((database, artifacts), made, manifest, seed=1)
    theirs = [add(other, made, manifest, seed=seed) for seed in (2, 3)]
    merged = merge(database, artifacts, *other)
    assert merged.entries == {theirs[0]: ours + 1, theirs[1]: ours + 2}
    assert (merged.datasets, merged.studies, merged.trials, merged.latencies) == (0, 4, 4, 2)
    assert (merged.files, merged.lost, merged.shorter) == (12, [], [])
    for number in theirs:
        assert logits_of(database, merged.entries[number]) == logits_of(other[0], number)
    assert check_files(database, artifacts) == []
    once = counts(database)
    assert once["machine"] == once["dataset"] == 1
    again = merge(database, artifacts, *other)
    assert (again.entries, again.studies, again.latencies, again.predictions) == ({}, 0, 0, 0)
    assert counts(database) == once


def test_an_empty_database_becomes_a_copy(database, other, artifacts, made, manifest):
    add(other, made, manifest)
    assert merge(database, artifacts, *other).datasets == 1
    assert counts(database) == counts(other[0])


def test_what_both_have_is_not_doubled(database, other, artifacts, made, manifest, tmp_path):
    """Both ran the same study, and each has one of its own."""
    for place in ((database, artifacts), other):
        add(place, made, manifest, seed=1)
    add(other, made, manifest, seed=2)
    before = counts(database)
    assert merge(database, artifacts, *other).entries == {2: 2}
    after = counts(database)
    assert (after["study"], after["look"]) == (2 * before["study"], 2 * before["look"])
    assert after["system"] == 2 * before["system"]


def test_a_latency_of_another_machine_is_added_to_the_entry_that_both_have(
    database, other, artifacts, made, manifest
):
    add((database, artifacts), made, manifest)
    entry = add(other, made, manifest)
    Systems(other[0]).save_latency(entry, made.machine, made.latency(threads=2))
    merged = merge(database, artifacts, *other)
    assert (merged.latencies, merged.entries) == (1, {})
    assert merge(database, artifacts, *other).latencies == 0


def test_a_study_with_fewer_trials_here_is_named(database, other, artifacts, made, manifest):
    add((database, artifacts), made, manifest, trials=1)
    add(other, made, manifest, trials=2)
    before = counts(database)
    merged = merge(database, artifacts, *other)
    assert merged.shorter == [1, 2]
    assert {**counts(database), "look": 0} == {**before, "look": 0}


def test_an_unfinished_study_can_be_continued(database, other, artifacts, made, manifest):
    plan = made.plan(manifest)
    there, folder = other
    run_trial(begin(there, made, manifest, plan, folder), made, manifest, plan, 0)
    assert merge(database, artifacts, *other).trials == 1
    ledger = begin(database, made, manifest, plan, artifacts)
    assert ledger.outcomes(plan).keys() == {(0, 0), (0, 1)}
    finish(ledger, made, manifest, plan, 0)
    assert Systems(database).rank(plan, made.metrics, LINEAGE) == 1


def test_the_current_version_of_a_dataset_remains_current(database, other, artifacts, made):
    ours, theirs = made.manifest(), made.manifest(takes=2)
    Datasets(database).save_scan(made.scanned(ours))
    Datasets(other[0]).save_scan(made.scanned(theirs))
    assert merge(database, artifacts, *other).datasets == 1
    assert Datasets(database).manifest("small").hash == ours.hash
    assert Datasets(database).manifest("small", theirs.hash) == theirs
    assert merge(database, artifacts, *other).datasets == 0


def test_other_splits_under_the_same_name_are_refused(database, other, artifacts, made, manifest):
    add((database, artifacts), made, manifest, seed=1)
    add(other, made, manifest, seed=2)
    with other[0].session() as session:
        session.query(ProtocolRow).one().identifier = "speaker-2#other"
    before = counts(database)
    with pytest.raises(UsageError) as raised:
        merge(database, artifacts, *other)
    assert raised.value.facts["dataset"] == "small"
    assert counts(database) == before


def test_deleted_entries_keep_their_tests_and_their_lineage(
    database, other, artifacts, made, manifest
):
    from serbench.store.entries import delete_entry

    there, folder = other
    entry = add(other, made, manifest, protocol="speaker-2:holdout")
    delete_entry(there, entry, folder)
    assert merge(database, artifacts, *other).entries == {}
    found = counts(database)
    assert (found["look"], found["artifact"]) == (counts(there)["look"], counts(there)["artifact"])
    assert found["look"] > 0
    merge(database, artifacts, *other)
    assert counts(database) == found


def test_imported_entries_are_recognised(database, other, artifacts, made, manifest):
    for place, *_ in ((database,), other):
        Datasets(place).save_scan(made.scanned(manifest))
        add_import(place, made, manifest, "ab" * 32)
    add_import(other[0], made, manifest, "cd" * 32)
    assert merge(database, artifacts, *other).entries == {2: 2}
    assert merge(database, artifacts, *other).entries == {}


def add_import(database, made, manifest, digest):
    from serbench.store.splits import Splits
    from serbench.store.systems import give_number

    stored = Splits(database).of(manifest, parse_protocol("speaker-2"))
    with database.session() as session:
        system = SystemRow(
            name="theirs",
            weights="",
            emotions=list(manifest.emotions),
            protocol_id=stored.id,
            imported=digest,
        )
        session.add(system)
        give_number(session, system)
        for split in system.protocol.splits:
            rows = predictions_like(manifest, range(len(split.test) // 8), 1.0, 0)
            session.add(
                PredictionRow(
                    system_id=system.id,
                    runtime="imported",
                    split_id=split.id,
                    logits=rows.logits.tobytes(),
                )
            )


def test_lost_files_of_the_other_database_are_named(database, other, artifacts, made, manifest):
    add(other, made, manifest)
    lost, *_ = sorted(other[1].glob("*.safetensors"))
    lost.unlink()
    assert merge(database, artifacts, *other).lost == [lost.name]
    assert [fault.file for fault in check_files(database, artifacts)] == [lost.name]


def test_the_database_itself_is_refused(database, artifacts, made, manifest):
    add((database, artifacts), made, manifest)
    with pytest.raises(UsageError):
        merge(database, artifacts, database, artifacts)


def test_the_copy_of_a_database_adds_nothing(database, other, artifacts, made, manifest, tmp_path):
    add((database, artifacts), made, manifest)
    before = counts(database)
    shutil.copy(tmp_path / "serbench.db", tmp_path / "copy.db")
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert merge(database, artifacts, copy, artifacts).files == 0
    assert counts(database) == before
    copy.engine.dispose()
