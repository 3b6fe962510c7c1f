"""All scores come from the stored logits: computed anew, they are what they were."""

import numpy as np
import pytest
from entry_making import add_entry, stored_folds

from serbench.score.intervals import speaker_intervals
from serbench.score.tally import tally
from serbench.store.entries import Entries
from serbench.store.predictions import read_folds
from serbench.store.schema import EntryRow, FoldRow, TrialRow
from serbench.views.exports import export_predictions


@pytest.fixture(params=["speaker-2:nested-2", "speaker-2"])
def entry(request, database, made):
    """An entry."""
    return add_entry(database, made, made.manifest(takes=4), protocol=request.param)


def columns(database, entry):
    with database.session() as session:
        row = session.get_one(EntryRow, entry)
        return {each.name: getattr(row, each.name) for each in EntryRow.__table__.columns}


def test_computed_anew_nothing_changes(database, entry):
    before = columns(database, entry)
    assert Entries(database).rescore(entry) == []
    assert columns(database, entry) == before


def test_the_tuning_score_has_the_interval_of_all_folds_clips_together(database, made):
    manifest = made.manifest(takes=4)
    entry = add_entry(database, made, manifest, protocol="speaker-2")
    with database.session() as session:
        row = session.get_one(EntryRow, entry)
        [folds] = read_folds(session, row.study)
        found = row.intervals["cv_uar"]
    logits = np.concatenate([fold.logits for fold in folds])
    rows = np.concatenate([fold.rows for fold in folds])
    heard = tally(logits, manifest.targets[rows], manifest.speakers[rows].tolist())
    assert found == list(speaker_intervals(heard).uar)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uar", 0.99),
        ("accuracy", 0.99),
        ("macro_f1", 0.99),
        ("ece", 0.0),
        ("intervals", {"uar": [0.1, 0.2]}),
        ("tally", b"{}"),
        ("cv_uar_mean", 0.99),
        ("cv_uar_sd", None),
    ],
)
def test_a_score_that_somebody_changed_is_named_and_mended(database, made, name, value):
    entry = add_entry(database, made, made.manifest(takes=2), protocol="speaker-2")
    before = columns(database, entry)
    with database.session() as session:
        setattr(session.get_one(EntryRow, entry), name, value)
    assert Entries(database).rescore(entry) == [name]
    assert columns(database, entry) == before
    assert Entries(database).rescore(entry) == []


def test_logits_that_somebody_changed_change_the_scores(database, entry):
    before = export_predictions(database, entry)
    with database.session() as session:
        holdout = stored_folds(
            session, session.get_one(EntryRow, entry).study.family, holdout=True
        )[-1]
        clips = len(holdout.prediction.rows) // 8
        holdout.prediction.logits = holdout.prediction.logits[:24] * clips
    assert export_predictions(database, entry) != before
    assert {"uar", "accuracy", "tally"} <= set(Entries(database).rescore(entry))


def test_a_folds_score_that_somebody_changed_is_named_and_mended(database, made):
    entry = add_entry(database, made, made.manifest(takes=2), protocol="speaker-2")
    with database.session() as session:
        session.query(FoldRow).filter_by(name="1").one().accuracy = 0.99
        session.query(TrialRow).one().mean_uar = 0.99
    assert Entries(database).rescore(entry) == ["trial 1 fold 1 accuracy", "trial 1 mean_uar"]
    assert Entries(database).rescore(entry) == []
