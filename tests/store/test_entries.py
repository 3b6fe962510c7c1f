"""Entries that are deleted: what stays of them."""

import pytest
from making.entries import add_entry

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.store.artifacts import ancestors
from serbench.store.entries import delete_entry
from serbench.store.schema import (
    ArtifactRow,
    PredictionRow,
    ScoreRow,
    StudyRow,
    SystemRow,
    TallyRow,
)
from serbench.store.systems import Systems, find_system


@pytest.fixture
def manifest(made):
    return made.manifest(takes=4)


def test_deleting_an_entry_leaves_the_lineage_of_its_artifacts(database, made, manifest, tmp_path):
    entry = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    kept = add_entry(database, made, manifest, protocol="speaker-2:holdout", seed=1)
    with database.session() as session:
        parent = session.query(ArtifactRow).filter_by(system_id=find_system(session, entry).id)
        facts = parent.one()
        child = ArtifactRow(
            file="child",
            sha256="c",
            backbone="homebrew",
            began_from="f",
            parent=facts,
            split_id=facts.split_id,
        )
        session.add(child)
        trained = facts.split.train
    folder = tmp_path / "artifacts"
    before = set(folder.glob("*.safetensors"))
    delete_entry(database, entry, folder)
    assert Systems(database).numbers() == [kept]
    with pytest.raises(UsageError):
        Systems(database).record(entry)
    gone = before - set(folder.glob("*.safetensors"))
    assert len(gone) == 3, "two folds and the holdout"
    with database.session() as session:
        child = session.query(ArtifactRow).filter_by(file="child").one()
        lineage = list(ancestors(child))
        assert len(lineage) == 2
        assert lineage[1].split.train == trained
        assert lineage[1].split.fold == HOLDOUT
        assert lineage[1].file is None
        assert session.query(StudyRow).count() == 1
        ranked = {row.id for row in session.query(SystemRow) if row.deleted is None}
        for table in (PredictionRow, ScoreRow, TallyRow):
            assert {row.system_id for row in session.query(table)} <= ranked


def test_the_number_of_a_deleted_entry_is_not_used_again(database, made, manifest, artifacts):
    entry = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    delete_entry(database, entry, artifacts)
    assert add_entry(database, made, manifest, protocol="speaker-2:holdout") == entry + 1
