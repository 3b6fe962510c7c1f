"""Predictions from outside: exported, imported, refused."""

import numpy as np
import pytest
from importing import NO_HOLDOUT, ONE_HOLDOUT, holdout_of, lines_of, scores, system_of, written
from making.entries import NESTED, add_entry, logits_like
from scipy.special import log_softmax
from sqlalchemy import event

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.recording_names import RecordingNames
from serbench.errors import DatasetError, UsageError
from serbench.store.datasets import Datasets
from serbench.store.prediction_files import write_predictions
from serbench.store.predictions import (
    Predictions,
    fold_predictions,
    scored_predictions,
    trial_predictions,
)
from serbench.store.schema import PredictionRow, TallyRow
from serbench.store.schema_machines import LatencyRow, MachineRow
from serbench.store.systems import Systems
from serbench.views.ranking import rankings
from serbench.views.report.material import read_material
from serbench.views.study import study_view, study_views
from serbench.views.tables import export_predictions


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture
def scanned(database, made, manifest):
    """The dataset is in the database."""
    Datasets(database).save_scan(made.scanned(manifest))


def tallies(database, entry):
    with database.session() as session:
        found = session.query(TallyRow).filter_by(system_id=system_of(session, entry).id)
        return [row.counts for row in found]


def test_what_was_exported_scores_the_same_when_it_is_imported(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    again = bring(export_predictions(database, entry))
    expected = scores(database, entry, ["nested"])
    assert len(expected) >= 5
    assert scores(database, again) == expected
    assert tallies(database, again) == tallies(database, entry)
    with database.session() as session:
        one, other = (system_of(session, each) for each in (entry, again))
        assert one.protocol_id == other.protocol_id
        assert other.params is None


def test_with_its_folds_it_has_the_same_cross_validation_score_too(database, made, manifest, bring):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT)
    again = bring(export_predictions(database, entry, folds=True), ONE_HOLDOUT)
    assert scores(database, again) == scores(database, entry)
    assert ("uar", "cv") in scores(database, again)


def test_without_a_holdout_the_folds_of_an_entry_are_exported_and_imported(
    database, made, manifest, bring
):
    entry = add_entry(database, made, manifest, protocol=NO_HOLDOUT)
    text = export_predictions(database, entry)
    assert {line.split(",")[1] for line in text.splitlines()[1:]} == {"1", "2"}
    again = bring(text, NO_HOLDOUT)
    assert tallies(database, again) == tallies(database, entry)
    one, other = (
        {key: value for key, (value, _, _) in scores(database, each).items()}
        for each in (entry, again)
    )
    assert other == one, "of one trial, the value needs no correction"
    assert {evidence for _, evidence in other} == {"corrected_cv", "cv"}
    with database.session() as session:
        assert trial_predictions(session, system_of(session, again)) == []


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("labels", [("holdout", "holdout"), ("1", "2"), ("b", "a")])
def test_without_a_holdout_an_import_has_every_clip_with_or_without_folds(
    database, manifest, bring, labels
):
    [part] = split_dataset(manifest, parse_protocol(NO_HOLDOUT)).outer_folds
    rows = np.concatenate([fold.test for fold in part.folds])
    header, *lines = written(manifest, ("holdout", rows)).splitlines()
    names = RecordingNames(manifest)
    second = {names.shortest(int(row)) for row in part.folds[1].test}
    lines = [
        line.replace(",holdout,", f",{labels[line.split(',')[0] in second]},") for line in lines
    ]
    usual = bring(written(manifest, ("holdout", rows)), NO_HOLDOUT, "usual")
    entry = bring("\n".join([header, *lines]), NO_HOLDOUT)
    assert scores(database, entry) == scores(database, usual)
    with database.session() as session:
        system = system_of(session, entry)
        [scored] = scored_predictions(session, system)
        assert scored.rows.tolist() == list(range(len(manifest)))
        [folds] = fold_predictions(session, system)
    assert {number: found.rows.tolist() for number, found in folds.items()} == {
        number: fold.test.tolist() for number, fold in enumerate(part.folds)
    }


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("labels", [("holdout", "holdout"), ("1", "2")])
def test_without_a_holdout_a_missing_clip_of_a_fold_is_refused(database, manifest, bring, labels):
    [part] = split_dataset(manifest, parse_protocol(NO_HOLDOUT)).outer_folds
    first, second = (fold.test for fold in part.folds)
    if labels[0] == "holdout":
        text = written(manifest, ("holdout", np.concatenate([first, second[1:]])))
    else:
        text = written(manifest, ("1", first), ("2", second[1:]))
    with pytest.raises(DatasetError) as raised:
        bring(text, NO_HOLDOUT)
    assert (raised.value.facts["problem"], raised.value.facts["count"]) == ("lacks", 1)
    assert raised.value.facts["clip"] == manifest.utterances[second[0]].path
    assert Systems(database).numbers() == []


@pytest.mark.usefixtures("scanned")
def test_without_a_holdout_the_times_of_all_clips_count(database, manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(NO_HOLDOUT)).outer_folds
    text = written(manifest, *((str(n), fold.test) for n, fold in enumerate(part.folds)))
    times = np.linspace(3, 5, len(manifest))
    bring(timed(text.splitlines(), times), NO_HOLDOUT)
    with database.session() as session:
        [latency] = session.query(LatencyRow)
        assert latency.runs == len(manifest)
        assert latency.p50 == pytest.approx(4)


@pytest.mark.usefixtures("scanned")
def test_probabilities_rank_as_the_logits_do(database, manifest, bring):
    rows = holdout_of(manifest, NESTED)
    logits = logits_like(manifest, rows, 1, 0)
    probabilities = np.exp(log_softmax(logits.astype(float), axis=1))
    one, other = (
        scores(
            database,
            bring(write_predictions(manifest, [("holdout", Predictions(rows, each))]), name=name),
        )
        for name, each in (("logits", logits), ("probabilities", probabilities))
    )
    for metric, evidence in one:
        if metric in ("uar", "accuracy", "macro-f1"):
            assert one[metric, evidence] == other[metric, evidence]
        assert one[metric, evidence][0] == pytest.approx(other[metric, evidence][0], abs=1e-5)


@pytest.mark.usefixtures("scanned")
def test_the_same_file_twice_is_one_entry(database, manifest, bring):
    text = "\n".join(lines_of(manifest, NESTED))
    first = bring(text)
    assert bring(text) == first
    assert bring(text, name="another") != first
    assert Systems(database).numbers() == [1, 2]


@pytest.mark.usefixtures("scanned")
def test_a_clip_that_is_missing_is_named(database, manifest, bring):
    header, first, *others = lines_of(manifest, ONE_HOLDOUT)
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *others]), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["count"], facts["fold"]) == ("lacks", 1, "holdout")
    assert facts["clip"].endswith(first.partition(",")[0])
    assert Systems(database).numbers() == []


def timed(lines, milliseconds):
    header, *others = lines
    return "\n".join(
        [
            f"{header},latency",
            *(f"{line},{ms}" for line, ms in zip(others, milliseconds, strict=True)),
        ]
    )


def test_a_latency_from_elsewhere_is_ranked_apart(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    Systems(database).save_latency(entry, made.machine, made.latency())
    lines = lines_of(manifest, NESTED)
    times = np.linspace(1, 2, len(lines) - 1)
    guest = bring(timed(lines, times), machine="A phone")
    here, there = rankings(database)
    assert [row.entry for row in here.rows] == [entry]
    assert [row.entry for row in there.rows] == [guest]
    assert there.rows[0].latency.p90 == pytest.approx(np.percentile(times, 90))
    assert {row.front for row in (*here.rows, *there.rows)} == {"on the front"}


@pytest.mark.usefixtures("scanned")
def test_the_times_of_the_holdout_count_and_not_those_of_the_folds(database, manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    parts = [(str(n), fold.test) for n, fold in enumerate(part.folds)]
    text = written(manifest, *parts, ("holdout", part.holdout.test))
    slow = ["900" if ",holdout," not in line else "5" for line in text.splitlines()[1:]]
    bring(timed(text.splitlines(), slow), ONE_HOLDOUT)
    with database.session() as session:
        [latency] = session.query(LatencyRow)
        assert (latency.p50, latency.p99, latency.runs) == (5, 5, len(part.holdout.test))


@pytest.mark.usefixtures("scanned")
def test_what_was_imported_is_no_study(database, manifest, bring):
    bring("\n".join(lines_of(manifest, NESTED)))
    assert study_views(database) == []
    with pytest.raises(UsageError):
        study_view(database, 1)
    with pytest.raises(UsageError):
        Systems(database).record(1)


def test_the_paper_reports_imports_beside_what_ran_here(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    guest = bring(export_predictions(database, entry))
    found = {each.number: each for each in read_material(database, manifest.name).entries}
    assert {number: each.imported for number, each in found.items()} == {entry: False, guest: True}


@pytest.mark.usefixtures("scanned")
def test_imports_alone_can_be_reported(manifest, database, bring):
    number = bring("\n".join(lines_of(manifest, NESTED)))
    assert [each.number for each in read_material(database).entries] == [number]


def test_each_outer_fold_of_an_import_holds_its_own_holdout(database, manifest, made, bring):
    entry = add_entry(database, made, manifest)
    again = bring(export_predictions(database, entry))
    with database.session() as session:
        first, second = (
            {
                (prediction.split.outer_fold, prediction.split.test): prediction.logits
                for prediction in session.query(PredictionRow).filter_by(
                    system_id=system_of(session, number).id
                )
                if prediction.split.fold == "holdout"
            }
            for number in (entry, again)
        )
        assert len(first) == 2
        assert first == second


@pytest.mark.usefixtures("scanned")
def test_an_import_may_be_larger_than_what_sqlite_writes_in_one_go(database, manifest, bring):
    def small(connection, _):
        connection.execute("PRAGMA cache_size = 1")

    # Once it has to write before the end, it lets no other connection read.
    database.engine.dispose()
    event.listen(database.engine, "connect", small)
    assert bring("\n".join(lines_of(manifest, NESTED))) == 1


def test_a_machine_elsewhere_is_named_as_such(database, made, manifest, bring):
    lines = lines_of(manifest, NESTED)
    Datasets(database).save_scan(made.scanned(manifest))
    bring(timed(lines, [3.0] * (len(lines) - 1)), machine="A phone")
    with database.session() as session:
        [latency] = session.query(LatencyRow)
        assert latency.machine.facts["cpu"] == "A phone (measured elsewhere)"
        assert (latency.versions, latency.kind["libraries"]) == ({}, {})


@pytest.mark.usefixtures("scanned")
def test_an_import_is_saved_with_its_latency_or_not_at_all(database, manifest, bring, monkeypatch):
    lines = lines_of(manifest, NESTED)
    text = timed(lines, [3.0] * (len(lines) - 1))
    with monkeypatch.context() as broken:
        broken.setattr(MachineRow, "__init__", lambda row, **columns: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bring(text)
    assert Systems(database).numbers() == []
    bring(text)
    with database.session() as session:
        assert session.query(LatencyRow).count() == 1
