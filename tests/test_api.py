"""What a notebook calls: tables of what is on record, and whole runs by a function call."""

import subprocess
import sys

import numpy as np
import pandas
import pytest
from making.entries import NESTED, add_entry
from sklearn.metrics import recall_score

import serbench
from serbench import api
from serbench.errors import StorageError, UsageError
from serbench.store.database import Database
from serbench.store.predictions import scored_predictions
from serbench.store.systems import Systems, find_system
from serbench.views.columns import COLUMNS
from serbench.views.detail import entry_detail
from serbench.views.ranking import flat_rows, rankings
from serbench.views.reading import entry_view, read_entries
from serbench.views.study import study_view

TABLES = [name for name in COLUMNS if name not in ("predictions", "files", "rejection")]


@pytest.fixture(scope="module")
def manifest(made):
    return made.manifest(takes=2)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """The entries of a nested study, and of one with three trials and two latencies; read only."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('filled') / 'serbench.db'}")
    add_entry(database, made, manifest, seed=0, protocol=NESTED)
    add_entry(database, made, manifest, seed=1, protocol="speaker-2:holdout", trials=3)
    for threads in (1, 2):
        Systems(database).save_latency(2, made.machine, made.latency(threads=threads))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def results(filled):
    return api.open(filled.url)


def dtypes(frame, table):
    return {name: str(frame[name].dtype) for name in COLUMNS[table]}


def documented(table):
    """The types as pandas prints them."""
    return {
        name: "datetime64[us, UTC]" if column.dtype.startswith("datetime") else column.dtype
        for name, column in COLUMNS[table].items()
    }


def plain(frame, columns):
    """Rows of plain values; what is missing is None."""
    rows = frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None)
    return rows.to_dict("records")


def test_the_package_imports_nothing_heavy_until_it_is_used():
    code = """
import sys, serbench
print(callable(serbench.hookimpl), serbench.__version__)
print(*(name for name in ("pandas", "numpy", "torch", "sqlalchemy") if name in sys.modules))
print(serbench.open.__module__, serbench.study.__module__, "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert lines == [f"True {serbench.__version__}", "", "serbench.api serbench.api False"]


def test_the_package_has_what_the_module_has_and_no_more():
    assert serbench.open is api.open
    assert serbench.Results is api.Results
    with pytest.raises(AttributeError, match="opne"):
        serbench.opne  # noqa: B018


@pytest.mark.parametrize("table", TABLES)
def test_columns_have_their_documented_types_with_rows_and_without(results, table):
    shown = getattr(results, table)()
    assert len(shown) > 0
    assert dtypes(shown, table) == documented(table)
    assert list(shown)[: len(COLUMNS[table])] == list(COLUMNS[table])


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_database_has_empty_tables_of_the_same_columns(database, table):
    assert database.engine  # it exists, and holds nothing
    empty = getattr(api.open(database.url), table)()
    assert len(empty) == 0
    assert list(empty) == list(COLUMNS[table])
    assert dtypes(empty, table) == documented(table)


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_is_described(table):
    described = api.describe(table)
    assert list(described.index) == list(COLUMNS[table])
    assert list(described) == ["dtype", "unit", "meaning"]
    assert (described["meaning"].str.len() > 0).all()


def test_an_unknown_table_is_refused():
    with pytest.raises(UsageError) as refused:
        api.describe("leaderbord")
    assert refused.value.facts["table"] == "leaderbord"


def test_the_leaderboard_has_the_rows_of_the_rankings(filled, results):
    shown = results.leaderboard()
    found = rankings(filled)
    assert [int(number) for number in shown["ranking"].unique()] == [1, 2]
    expected = flat_rows(found)
    assert plain(shown, expected[0]) == [
        {name: row.get(name) for name in expected[0]} for row in expected
    ]
    assert set(results.leaderboard(protocol="speaker-2:holdout")["entry"]) == {2}


def test_scores_have_a_row_for_each_metric_and_evidence(filled, results):
    scores = results.scores().set_index(["entry", "evidence", "metric"]).sort_index()
    views = {view.entry: view for view in read_entries(filled)}
    assert set(scores.index.get_level_values("entry")) == set(views)
    for number, view in views.items():
        for evidence, found in (
            (view.evidence, view.scores),
            ("cv", view.cv),
            ("cv_pooled", view.cv_pooled),
        ):
            assert set(scores.loc[number, evidence].index) == set(found)
            for metric, score in found.items():
                row = scores.loc[(number, evidence, metric)]
                for name in ("value", "low", "high", "spread"):
                    value = getattr(score, name)
                    assert row[name] == value if value is not None else np.isnan(row[name])


def test_trials_folds_and_curves_are_those_of_the_study_view(filled, results):
    number = int(results.studies()["study"].max())
    view = study_view(filled, number).as_dict()
    trials = results.trials(number)
    assert len(trials) == 3
    assert list(trials["trial"]) == [trial["trial"] for trial in view["trials"]]
    assert list(trials["mean_uar"]) == [trial["mean_uar"] for trial in view["trials"]]
    for name, value in view["trials"][0]["parameters"].items():
        assert trials[name][0] == value
    trainings = [(trial, fold) for trial in view["trials"] for fold in trial["folds"]]
    folds = results.folds(number)
    columns = ["fold", "uar", "epochs", "best_epoch", "seconds", "pruned", "device"]
    assert plain(folds, columns) == [
        {name: fold[name] for name in columns} | {"fold": str(fold["fold"])}
        for _, fold in trainings
    ]
    curves = results.curves(number)
    assert len(curves) == sum(len(fold["curve"]) for _, fold in trainings)
    for trial, fold in trainings:
        own = curves[(curves["trial"] == trial["trial"]) & (curves["fold"] == str(fold["fold"]))]
        assert list(own["epoch"]) == list(range(1, len(fold["curve"]) + 1))
        assert list(own["validation_uar"]) == fold["curve"]
        assert list(own["validation_loss"]) == fold["losses"]


def test_without_a_number_the_trials_of_all_studies_are_given(results):
    studies = set(results.studies()["study"])
    for table in (results.trials(), results.folds(), results.curves()):
        assert set(table["study"]) == studies


@pytest.mark.parametrize("table", ["trials", "folds", "curves"])
def test_an_unknown_study_is_refused(results, table):
    with pytest.raises(UsageError) as refused:
        getattr(results, table)(99)
    assert refused.value.facts["number"] == 99


@pytest.mark.parametrize("entry", [1, 2])
def test_predictions_give_the_entrys_score_and_the_logits_as_probabilities(
    filled, results, manifest, entry
):
    found = results.predictions(entry)
    assert dtypes(found, "predictions") == documented("predictions")
    holdout = found[found["fold"] == "holdout"]
    recalls = recall_score(
        list(holdout["true"]), list(holdout["predicted"]), average="macro", zero_division=0
    )
    assert recalls == pytest.approx(entry_view(filled, entry).uar)
    columns = [f"p_{emotion}" for emotion in manifest.emotions]
    shares = holdout[columns].to_numpy()
    with filled.session() as session:
        logits = [each.logits for each in scored_predictions(session, find_system(session, entry))]
    exponentials = np.exp(np.concatenate(logits).astype(float))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, atol=1e-12)
    assert [columns[place][2:] for place in shares.argmax(axis=1)] == list(holdout["predicted"])
    clips = {each.path: each for each in manifest.utterances}
    for path, speaker, true in zip(found["path"], found["speaker"], found["true"], strict=True):
        assert (clips[path].speaker, clips[path].emotion) == (speaker, true)


def test_predictions_of_folds_are_apart_and_numbered_from_1(results):
    found = results.predictions(1)
    places = found.groupby(["outer_fold", "fold"]).ngroups
    assert set(found["outer_fold"]) == {1, 2}
    assert set(found["fold"]) == {"holdout", "1", "2"}
    assert places == 6
    tested = found[found["fold"] == "holdout"]
    assert not tested["path"].duplicated().any()


@pytest.mark.parametrize("table", ["predictions", "rejection"])
def test_an_unknown_entry_is_refused(results, table):
    with pytest.raises(UsageError) as refused:
        getattr(results, table)(99)
    assert refused.value.facts["number"] == 99


def test_calibration_and_rejection_are_those_of_the_details(filled, results, manifest):
    found = results.calibration()
    assert dtypes(found, "calibration") == documented("calibration")
    assert list(found["entry"]) == [1, 2]
    shown = entry_detail(filled, 1).calibration
    first, lone = found.to_dict("records")
    assert (first["temperature"], first["ece"]) == (shown.temperature, shown.before.ece)
    assert first["log_loss_calibrated"] == shown.after.log_loss
    assert np.isnan(lone["ece_calibrated"])  # one tested speaker
    curve = results.rejection(1)
    assert dtypes(curve, "rejection") == documented("rejection")
    assert curve["clips"].iloc[-1] == len(manifest)
    assert curve["uar"].iloc[-1] == pytest.approx(entry_view(filled, 1).uar)
    assert results.rejection(2).empty
    assert dtypes(results.rejection(2), "rejection") == documented("rejection")


def test_latencies_have_a_row_for_each_measurement(results):
    found = results.latencies()
    assert dtypes(found, "latencies") == documented("latencies")
    assert plain(found, ["entry", "threads", "p50", "p90", "runtime", "cores"]) == [
        {"entry": 2, "threads": n, "p50": 3.0, "p90": 4.0, "runtime": "eager", "cores": 2}
        for n in (1, 2)
    ]


def test_a_dataset_has_its_counts(results, manifest):
    [row] = plain(results.datasets(), COLUMNS["datasets"])
    assert (row["dataset"], row["hash"], row["clips"]) == ("small", manifest.hash, len(manifest))
    assert row["emotions"].split() == list(manifest.emotions)
    assert row["speakers"] == 4
    assert row["found"] == row["clips"] + row["skipped"]


@pytest.mark.parametrize(
    "call",
    [
        serbench.open,
        lambda database: serbench.predict(1, "a.wav", database=database),
        lambda database: serbench.evaluate(1, "mine", database=database),
        lambda database: serbench.study("homebrew", database=database),
    ],
    ids=["open", "predict", "evaluate", "study"],
)
def test_only_a_scan_makes_a_database(tmp_path, call):
    missing = tmp_path / "typo.db"
    with pytest.raises(StorageError) as refused:
        call(missing)
    assert str(refused.value.facts["path"]) == str(missing)
    assert not missing.exists()


def test_an_empty_file_is_left_as_it_is(tmp_path):
    file = tmp_path / "empty.db"
    file.touch()
    with pytest.raises(StorageError):
        serbench.open(file)
    assert file.read_bytes() == b""


def test_tables_are_pandas_frames(results):
    assert all(isinstance(getattr(results, table)(), pandas.DataFrame) for table in TABLES)
