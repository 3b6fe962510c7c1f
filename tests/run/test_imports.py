"""Predictions from outside: exported, imported, refused."""

import numpy as np
import pytest
from entry_making import NESTED, add_entry, said, stored_folds
from scipy.special import log_softmax
from sqlalchemy import event

from serbench.data.protocols import parse_protocol, protocol_id, split_dataset
from serbench.errors import DatasetError, UsageError
from serbench.run.imports import import_predictions
from serbench.run.prediction_files import write_predictions
from serbench.score.calibration import expected_calibration_error
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries
from serbench.store.predictions import Said
from serbench.store.schema import EntryRow, LatencyRow
from serbench.views.exports import export_predictions
from serbench.views.leaderboard import read_rankings
from serbench.views.report.material import read_material
from serbench.views.study import list_studies, show_study

ONE_HOLDOUT = "speaker-2"

SCORES = ("uar", "accuracy", "macro_f1", "ece", "intervals", "tally", "protocol_id")


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture
def bring(database, manifest, tmp_path):
    """``bring(text, protocol)`` imports a file of this text, and gives the entry."""

    def import_text(text, protocol=NESTED, name="guest", machine=None):
        if not Datasets(database).has_dataset(manifest.name):
            pytest.fail("scan the dataset first")
        file = tmp_path / "said.csv"
        file.write_text(text)
        rule = parse_protocol(protocol)
        split = split_dataset(manifest, rule)
        return import_predictions(database, file, name, manifest, rule, split, machine)

    return import_text


@pytest.fixture
def scanned(database, made, manifest):
    """The dataset is in the database."""
    Datasets(database).save_scan(made.scanned(manifest))


def scores(database, entry, names=SCORES):
    with database.session() as session:
        row = session.get_one(EntryRow, entry)
        return {name: getattr(row, name) for name in names}


def holdout_of(manifest, protocol):
    outer_folds = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    return np.concatenate([part.holdout.test for part in outer_folds])


def test_what_was_exported_scores_the_same_when_it_is_imported(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    again = bring(export_predictions(database, entry))
    expected = scores(database, entry)
    del expected["intervals"]["cv_uar"]  # of the folds, which were not exported
    assert scores(database, again) == expected
    assert scores(database, again, ["cv_uar_mean", "cv_uar_sd", "artifact", "params"]) == (
        dict.fromkeys(["cv_uar_mean", "cv_uar_sd", "artifact", "params"])
    )


def test_with_its_folds_it_has_the_same_tuning_score_too(database, made, manifest, bring):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT)
    again = bring(export_predictions(database, entry, folds=True), ONE_HOLDOUT)
    names = (*SCORES, "cv_uar_mean", "cv_uar_sd")
    assert scores(database, again, names) == scores(database, entry, names)
    assert scores(database, again, names)["cv_uar_mean"] is not None


def test_the_folds_of_several_outer_folds_are_not_exported(database, made, manifest):
    entry = add_entry(database, made, manifest)
    with pytest.raises(UsageError, match=r"chosen anew in 2 outer folds, .*: leave --folds away"):
        export_predictions(database, entry, folds=True)


@pytest.mark.usefixtures("scanned")
def test_probabilities_rank_as_the_logits_do(database, manifest, bring):
    rows = holdout_of(manifest, NESTED)
    logits = said(manifest, rows, 1, 0)
    probabilities = np.exp(log_softmax(logits.astype(float), axis=1))
    one, other = (
        bring(write_predictions(manifest, [("holdout", Said(rows, each))]), name=name)
        for name, each in (("logits", logits), ("probabilities", probabilities))
    )
    names = [name for name in SCORES if name != "ece"]
    assert scores(database, one, names) == scores(database, other, names)
    logarithms = np.log(probabilities).astype(np.float32)
    expected = expected_calibration_error(logarithms, manifest.targets[rows])
    assert scores(database, other)["ece"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.usefixtures("scanned")
def test_the_same_file_twice_is_one_entry(database, manifest, bring):
    rows = holdout_of(manifest, NESTED)
    text = write_predictions(manifest, [("holdout", Said(rows, said(manifest, rows, 1, 0)))])
    first = bring(text)
    assert bring(text) == first
    assert bring(text, name="another") != first
    assert Entries(database).numbers() == [1, 2]


def lines_of(manifest, protocol):
    rows = holdout_of(manifest, protocol)
    logits = said(manifest, rows, 1, 0)
    return write_predictions(manifest, [("holdout", Said(rows, logits))]).splitlines()


@pytest.mark.usefixtures("scanned")
def test_a_clip_that_is_missing_is_named_with_where_to_look(database, manifest, bring):
    header, first, *others = lines_of(manifest, ONE_HOLDOUT)
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *others]), ONE_HOLDOUT)
    path = first.partition(",")[0]
    assert f"misses /here/{path} in holdout of speaker-2: give exactly the clips that " in str(
        raised.value
    )
    assert "`serbench protocol clips speaker-2 --dataset small`" in str(raised.value)
    assert Entries(database).numbers() == []


@pytest.mark.usefixtures("scanned")
def test_a_clip_of_another_fold_is_named_with_the_fold_as_it_was_written(manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    folds = [fold.test for fold in part.folds]
    moved = [np.append(folds[0], folds[1][:1]), folds[1][1:]]
    parts = [("0", moved[0]), ("1", moved[1]), ("holdout", part.holdout.test)]
    text = write_predictions(
        manifest, [(fold, Said(rows, said(manifest, rows, 1, 0))) for fold, rows in parts]
    )
    path = manifest.utterances[folds[1][0]].path
    with pytest.raises(DatasetError, match=f"has {path} in fold 1 of speaker-2"):
        bring(text, ONE_HOLDOUT)


@pytest.mark.usefixtures("scanned")
def test_a_dev_clip_is_foreign_to_the_holdout(manifest, bring):
    dev = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).holdout.train[:2]
    lines = lines_of(manifest, ONE_HOLDOUT)
    guests = write_predictions(manifest, [("holdout", Said(dev, said(manifest, dev, 1, 0)))])
    with pytest.raises(DatasetError, match=r"has \S+\.wav and 1 more in holdout of speaker-2"):
        bring("\n".join([*lines, *guests.splitlines()[1:]]), ONE_HOLDOUT)


@pytest.mark.usefixtures("scanned")
def test_in_a_protocol_of_several_outer_folds_nobody_may_give_folds(manifest, bring):
    header, *lines = lines_of(manifest, NESTED)
    lines[0] = lines[0].replace(",holdout,", ",3,")
    with pytest.raises(
        DatasetError, match=r"misses \S+\.wav in holdout of|in fold 3 of speaker-2:n"
    ):
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
    Entries(database).save_latency(entry, made.machine, made.latency())
    lines = lines_of(manifest, NESTED)
    times = np.linspace(1, 2, len(lines) - 1)
    guest = bring(timed(lines, times), machine="A phone")
    here, there = read_rankings(database)
    assert [row.entry for row in here.rows] == [entry]
    assert [row.entry for row in there.rows] == [guest]
    assert there.rows[0].machine == "A phone (measured elsewhere)"
    assert (here.rows[0].compute_settings, there.rows[0].compute_settings) == ("fp32, 1 thread", "")
    assert there.rows[0].latency_ms_p90 == pytest.approx(np.percentile(times, 90))
    assert {row.front for row in (*here.rows, *there.rows)} == {"on the front"}


@pytest.mark.usefixtures("scanned")
def test_the_times_of_the_holdout_count_and_not_those_of_the_folds(database, manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    parts = [(str(n), fold.test) for n, fold in enumerate(part.folds)] + [
        ("holdout", part.holdout.test)
    ]
    text = write_predictions(
        manifest, [(fold, Said(rows, said(manifest, rows, 1, 0))) for fold, rows in parts]
    )
    slow = ["900" if ",holdout," not in line else "5" for line in text.splitlines()[1:]]
    bring(timed(text.splitlines(), slow), ONE_HOLDOUT)
    with database.session() as session:
        [latency] = session.query(LatencyRow)
        assert (latency.p50, latency.p99, latency.runs) == (5, 5, len(part.holdout.test))


@pytest.mark.usefixtures("scanned")
def test_what_was_imported_is_no_study(database, manifest, bring):
    bring("\n".join(lines_of(manifest, NESTED)))
    assert list_studies(database) == []
    with pytest.raises(UsageError, match="no study 1: run `serbench study run` first"):
        show_study(database, 1)
    with pytest.raises(UsageError, match=r"entry 1 \(guest\) was imported: its predictions are"):
        Entries(database).record(1)


def test_the_paper_reports_what_ran_here_only(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    bring(export_predictions(database, entry))
    assert [each.number for each in read_material(database, manifest.name).entries] == [entry]


@pytest.mark.usefixtures("scanned")
def test_of_imports_alone_there_is_nothing_to_report(manifest, database, bring):
    bring("\n".join(lines_of(manifest, NESTED)))
    with pytest.raises(UsageError, match="no entries yet: run `serbench study run"):
        read_material(database)


def test_each_round_of_an_import_holds_its_own_holdout(database, manifest, made, bring):
    entry = add_entry(database, made, manifest)
    bring(export_predictions(database, entry))
    with database.session() as session:
        families = [row.study.family for row in session.query(EntryRow)]
        first, second = (stored_folds(session, family, holdout=True) for family in families)
        rows = [np.frombuffer(fold.prediction.rows, "<i8").tolist() for fold in first]
        assert [np.frombuffer(fold.prediction.rows, "<i8").tolist() for fold in second] == rows
        assert sorted(rows[0] + rows[1]) == list(range(len(manifest)))


def test_the_identifier_says_that_both_were_scored_alike(database, made, manifest, bring):
    entry = add_entry(database, made, manifest)
    again = bring(export_predictions(database, entry))
    expected = protocol_id(manifest, parse_protocol(NESTED))
    assert {scores(database, each)["protocol_id"] for each in (entry, again)} == {expected}


@pytest.mark.usefixtures("scanned")
def test_an_import_may_be_larger_than_what_sqlite_writes_in_one_go(database, manifest, bring):
    def small(connection, _):
        connection.execute("PRAGMA cache_size = 1")

    # Once it has to write before the end, it lets no other connection read.
    database.engine.dispose()
    event.listen(database.engine, "connect", small)
    assert bring("\n".join(lines_of(manifest, NESTED))) == 1
