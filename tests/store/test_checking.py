"""Weights files that are missing or changed are found, and their studies train them again."""

import sqlite3

import pytest
from making.damage import DAMAGES
from making.entries import LINEAGE, finish, run_trial

from serbench.errors import StorageError
from serbench.store.checking import ALTERED, MISSING, FileFault, check_files
from serbench.store.lease import study_lease
from serbench.store.schema import ArtifactRow, StudyRow
from serbench.store.studies import standings
from serbench.store.systems import Systems


@pytest.fixture
def ranked(database, ledger, made, manifest, plan):
    """The number of an entry with two fold networks and one that is shipped."""
    run_trial(ledger, made, manifest, plan, 0, 5.0)
    finish(ledger, made, manifest, plan, 0, 5.0)
    return Systems(database).rank(plan, made.metrics, LINEAGE)


def test_an_intact_database_has_no_fault(database, ranked, artifacts):
    assert check_files(database, artifacts) == []


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize(
    ("name", "fold"), [("winner-1", "holdout"), ("trial-1-fold-2", "2")], ids=["winner", "fold"]
)
def test_a_damaged_file_is_found_and_nothing_is_changed(
    damage, name, fold, database, ranked, artifacts, plan
):
    path = artifacts / f"{plan.key}-{name}.safetensors"
    damage(path)
    problem = ALTERED if path.exists() else MISSING
    expected = FileFault(path.name, problem, study=1, trial=1, fold=fold, entry=ranked)
    assert check_files(database, artifacts) == [expected]
    assert check_files(database, artifacts) == [expected]


def test_a_mended_winner_is_tested_again_with_the_same_result(
    database, ledger, ranked, artifacts, made, manifest, plan
):
    path = artifacts / f"{plan.key}-winner-1.safetensors"
    before, whole = Systems(database).tested(ranked), path.read_bytes()
    path.unlink()
    [fault] = check_files(database, artifacts, mend=True)
    assert (fault.mended, fault.entry) == (True, ranked)
    [standing] = standings(database, plan)
    assert (standing.finished, standing.entry) == (False, ranked)
    assert ledger.forget_lost_holdout(plan), "as the next run does"
    assert ledger.outcomes(plan).keys() == {(0, 0), (0, 1)}
    finish(ledger, made, manifest, plan, 0, 5.0)
    assert Systems(database).rank(plan, made.metrics, LINEAGE) == ranked
    assert path.read_bytes() == whole
    assert all(
        (a == b).all() for a, b in zip(Systems(database).tested(ranked), before, strict=True)
    )
    assert check_files(database, artifacts) == []


def test_a_mended_fold_keeps_its_logits_and_lacks_its_network(
    database, ledger, ranked, artifacts, plan
):
    (artifacts / f"{plan.key}-trial-1-fold-1.safetensors").write_bytes(b"other")
    [fault] = check_files(database, artifacts, mend=True)
    assert fault.mended
    assert len(ledger.outcomes(plan)) == 3
    assert [(each.trial, each.fold) for each in ledger.lost_folds(plan)] == [(0, 0)]
    with database.session() as session:
        assert session.query(StudyRow).one().finished is None


def test_a_study_that_runs_is_not_changed(database, ranked, artifacts, plan):
    (artifacts / f"{plan.key}-winner-1.safetensors").unlink()
    with study_lease(database, artifacts, plan.key):
        [fault] = check_files(database, artifacts, mend=True)
    assert not fault.mended
    with database.session() as session:
        assert session.query(ArtifactRow).count() == 3
        assert session.query(StudyRow).one().finished is not None


def test_a_damaged_database_is_a_storage_error(database, ranked, artifacts, tmp_path):
    database.engine.dispose()
    connection = sqlite3.connect(tmp_path / "serbench.db")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("DELETE FROM split")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError) as raised:
        check_files(database, artifacts)
    assert "split" in raised.value.facts["cause"]
