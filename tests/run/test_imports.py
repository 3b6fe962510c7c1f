"""Predictions from outside: exported, imported, refused."""

import numpy as np
import pytest
from making.entries import NESTED, add_entry, logits_like, predictions_like
from scipy.special import log_softmax
from sqlalchemy import event

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.recording_names import RecordingNames
from serbench.errors import DatasetError, UsageError
from serbench.run.imports import import_predictions
from serbench.store.datasets import Datasets
from serbench.store.prediction_files import write_predictions
from serbench.store.predictions import Predictions
from serbench.store.schema import (
    LatencyRow,
    MachineRow,
    PredictionRow,
    ScoreRow,
    SystemRow,
    TallyRow,
)
from serbench.store.systems import Systems
from serbench.views.comparison import compare_entries
from serbench.views.ranking import rankings
from serbench.views.report.material import read_material
from serbench.views.study import study_view, study_views
from serbench.views.tables import export_predictions

ONE_HOLDOUT = "speaker-2"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture
def bring(database, made, manifest, tmp_path):
    """``bring(text, protocol)`` imports a file of this text, and gives the entry."""

    def import_text(text, protocol=NESTED, name="guest", machine=None):
        file = tmp_path / "predictions.csv"
        file.write_text(text)
        rule = parse_protocol(protocol)
        return import_predictions(database, file, name, manifest, rule, made.metrics, machine)

    return import_text


@pytest.fixture
def scanned(database, made, manifest):
    """The dataset is in the database."""
    Datasets(database).save_scan(made.scanned(manifest))


def system_of(session, entry):
    [system] = session.query(SystemRow).filter_by(number=entry)
    return system


def scores(database, entry, evidence=("holdout", "cv")):
    """(metric, evidence) → (value, low, high) of an entry."""
    with database.session() as session:
        found = session.query(ScoreRow).filter_by(system_id=system_of(session, entry).id)
        return {
            (row.metric, row.evidence): (row.value, row.low, row.high)
            for row in found
            if row.evidence in evidence
        }


def tallies(database, entry):
    with database.session() as session:
        found = session.query(TallyRow).filter_by(system_id=system_of(session, entry).id)
        return [row.counts for row in found]


def holdout_of(manifest, protocol):
    outer_folds = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    return np.concatenate([part.holdout.test for part in outer_folds])


def written(manifest, *parts):
    """A file of random logits for (fold, rows)."""
    return write_predictions(
        manifest, [(fold, predictions_like(manifest, rows, 1, 0)) for fold, rows in parts]
    )


def lines_of(manifest, protocol):
    return written(manifest, ("holdout", holdout_of(manifest, protocol))).splitlines()


def test_what_was_exported_scores_the_same_when_it_is_imported(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    again = bring(export_predictions(database, entry))
    expected = scores(database, entry, ["holdout"])
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


@pytest.mark.usefixtures("scanned")
def test_a_clip_of_another_fold_is_named(manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    folds = [fold.test for fold in part.folds]
    moved = [np.append(folds[0], folds[1][:1]), folds[1][1:]]
    text = written(manifest, ("0", moved[0]), ("1", moved[1]), ("holdout", part.holdout.test))
    with pytest.raises(DatasetError) as raised:
        bring(text, ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"]) == ("has", "0")
    assert facts["clip"] == manifest.utterances[folds[1][0]].path


def relabelled(manifest, labels, protocol=ONE_HOLDOUT):
    """A file of all parts of a protocol with one outer fold, each with a label."""
    [part] = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    tested = [part.holdout.test, *(fold.test for fold in part.folds)]
    header, *lines = written(manifest, ("holdout", np.concatenate(tested))).splitlines()
    names = RecordingNames(manifest)
    label_of = {
        names.shortest(int(row)): label
        for rows, label in zip(tested, labels, strict=True)
        for row in rows
    }
    found = [line.replace(",holdout,", f",{label_of[line.split(',')[0]]},") for line in lines]
    return "\n".join([header, *reversed(found)])


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize(
    "labels",
    [
        ("holdout", "1", "2"),
        ("holdout", "0", "1"),
        ("holdout", "2", "1"),
        ("", "1.0", "2.0"),
        ("test", "dev one", "dev two"),
        ("2", "0", "1"),
    ],
)
def test_folds_are_known_by_their_clips_whatever_they_are_called(database, manifest, bring, labels):
    usual = bring(relabelled(manifest, ("holdout", "1", "2")), ONE_HOLDOUT, "usual")
    other = bring(relabelled(manifest, labels), ONE_HOLDOUT, "other")
    assert scores(database, other) == scores(database, usual)
    found = compare_entries(database, other, usual)
    assert (found.folds.t, found.fold_count) == (0, 2)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (("holdout", "dev", "dev"), "has"),
        (("holdout", "1", "holdout"), "has"),
        (("1", "2", "2"), "has"),
    ],
)
def test_a_label_of_two_folds_is_refused(database, manifest, bring, labels, problem):
    with pytest.raises(DatasetError) as raised:
        bring(relabelled(manifest, labels), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["label"] in labels) == (problem, True)
    assert facts["clip"] in {utterance.path for utterance in manifest.utterances}
    assert Systems(database).numbers() == []


@pytest.mark.usefixtures("scanned")
def test_a_fold_under_two_labels_is_refused(manifest, bring):
    header, *lines = relabelled(manifest, ("holdout", "a", "b")).splitlines()
    halves = [place for place, line in enumerate(lines) if ",a," in line]
    for place in halves[: len(halves) // 2]:
        lines[place] = lines[place].replace(",a,", ",c,")
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *lines]), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"]) == ("lacks", "0")


@pytest.mark.usefixtures("scanned")
def test_one_fold_of_two_is_not_enough(manifest, bring):
    text = relabelled(manifest, ("holdout", "a", "b"))
    kept = [line for line in text.splitlines() if ",b," not in line]
    with pytest.raises(DatasetError) as raised:
        bring("\n".join(kept), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"], facts["label"]) == ("lacks", "1", None)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("labels", [("1", "2"), ("b", "a")])
def test_of_several_outer_folds_each_holdout_may_have_a_label(database, manifest, bring, labels):
    usual = bring("\n".join(lines_of(manifest, NESTED)), name="usual")
    header, *_ = lines_of(manifest, NESTED)
    parts = split_dataset(manifest, parse_protocol(NESTED)).outer_folds
    everything = dict(line.split(",", 1) for line in lines_of(manifest, NESTED)[1:])
    names = RecordingNames(manifest)
    lines = [
        f"{names.shortest(int(row))},{everything[names.shortest(int(row))]}".replace(
            ",holdout,", f",{label},"
        )
        for part, label in zip(parts, labels, strict=True)
        for row in part.holdout.test
    ]
    other = bring("\n".join([header, *lines]), name="other")
    assert scores(database, other) == scores(database, usual)
    assert compare_entries(database, other, usual).folds.t == 0
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *lines[1:]]), name="incomplete")
    assert (raised.value.facts["problem"], raised.value.facts["count"]) == ("lacks", 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_folds_that_ran_in_another_order_keep_their_numbers(database, made, manifest, bring, order):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT, order=order)
    text = export_predictions(database, entry, folds=True)
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    names = RecordingNames(manifest)
    expected = {
        names.shortest(int(row)): str(number)
        for number, fold in enumerate(part.folds, start=1)
        for row in fold.test
    }
    found = dict(line.split(",")[:2] for line in text.splitlines()[1:])
    assert {path: fold for path, fold in found.items() if fold != "holdout"} == expected
    again = bring(text, ONE_HOLDOUT)
    assert scores(database, again) == scores(database, entry)
    compared = compare_entries(database, entry, again)
    assert (compared.folds.t, compared.fold_count) == (0, 2)
    page = study_view(database, 1).as_dict()
    shown = [fold["fold"] for fold in page["trials"][0]["folds"]]
    assert shown == ["0", "1", "holdout"]


@pytest.mark.usefixtures("scanned")
def test_a_clip_of_the_folds_is_foreign_to_the_holdout(manifest, bring):
    dev = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds[0].holdout.train[:2]
    rows = np.concatenate([holdout_of(manifest, ONE_HOLDOUT), dev])
    with pytest.raises(DatasetError) as raised:
        bring(written(manifest, ("holdout", rows)), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["count"], facts["fold"]) == ("has", 2, "holdout")


@pytest.mark.usefixtures("scanned")
def test_in_a_protocol_of_several_outer_folds_nobody_may_give_folds(manifest, bring):
    header, *lines = lines_of(manifest, NESTED)
    lines[0] = lines[0].replace(",holdout,", ",3,")
    with pytest.raises(DatasetError):
        bring("\n".join([header, *lines]))


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


def test_the_paper_reports_what_ran_here_only(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    bring(export_predictions(database, entry))
    assert [each.number for each in read_material(database, manifest.name).entries] == [entry]


@pytest.mark.usefixtures("scanned")
def test_of_imports_alone_there_is_nothing_to_report(manifest, database, bring):
    bring("\n".join(lines_of(manifest, NESTED)))
    with pytest.raises(UsageError):
        read_material(database)


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
