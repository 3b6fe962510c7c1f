"""``study run --nested``: a search in each outer fold, one entry of them all."""

import json
import re

import numpy as np
import pytest

from serbench.data.protocols import HOLDOUT, parse_protocol, protocol_id, split_dataset
from serbench.run.imports import import_predictions
from serbench.score.metrics import score
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.schema import EntryRow, FoldRow, StudyRow, TrialRow
from serbench.views.exports import export_predictions


@pytest.fixture(scope="module")
def database(nested):
    """The database of the nested study."""
    opened = Database(f"sqlite:///{nested.db}")
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def manifest(database):
    """What was studied."""
    return Datasets(database).manifest("tiny")


@pytest.fixture(scope="module")
def folds(database):
    """(outer fold, name) of each training → rows and logits."""
    with database.session() as session:
        query = (
            session.query(StudyRow.outer_fold, FoldRow)
            .join(TrialRow, TrialRow.study_id == StudyRow.id)
            .join(FoldRow, FoldRow.trial_id == TrialRow.id)
        )
        return {
            (outer, fold.name): (
                np.frombuffer(fold.prediction.rows, "<i8"),
                np.frombuffer(fold.prediction.logits, "<f4").reshape(-1, 6),
            )
            for outer, fold in query
        }


@pytest.fixture(scope="module")
def row(nested):
    """The entry, as the database has it."""
    opened = Database(f"sqlite:///{nested.db}")
    with opened.session() as session:
        [entry] = session.query(EntryRow)
        session.expunge(entry)
    opened.engine.dispose()
    return entry


def test_everybody_sits_one_holdout(folds, manifest):
    rows = np.concatenate([folds[outer, HOLDOUT][0] for outer in (0, 1)])
    assert sorted(rows.tolist()) == list(range(len(manifest)))
    for outer in (0, 1):
        tested = set(manifest.speakers[folds[outer, HOLDOUT][0]])
        for fold in ("0", "1"):
            assert not tested & set(manifest.speakers[folds[outer, fold][0]])


def test_the_entry_is_scored_on_all_holdouts_together(folds, manifest, row):
    holdouts = [folds[outer, HOLDOUT] for outer in (0, 1)]
    rows, logits = (np.concatenate(parts) for parts in zip(*holdouts, strict=True))
    expected = score(logits, manifest.targets[rows])
    assert (row.uar, row.accuracy) == (expected.uar, expected.accuracy)
    low, high = row.intervals["uar"]
    assert low <= row.uar <= high


def test_its_tuning_score_is_over_the_folds_of_all_outer_folds(folds, manifest, row):
    uars = [
        score(logits, manifest.targets[rows]).uar
        for (_, name), (rows, logits) in folds.items()
        if name != HOLDOUT
    ]
    assert len(uars) == 4
    assert row.cv_uar_mean == pytest.approx(np.mean(uars))
    assert row.cv_uar_sd == pytest.approx(np.std(uars, ddof=1))


def test_stopped_between_two_outer_folds_it_goes_on_with_the_second(nested):
    assert nested.trainings == (3, 3)
    assert "going on: trainings of an earlier run that are kept: 3" in nested.err
    assert "outer fold 2 of 2: 1 trial × 2 folds" in nested.err
    assert re.search(
        r"^entry 1: homebrew on tiny, speaker-2:nested-2: UA \d+\.\d \(95 % \d+\.\d–\d+\.\d\), WA "
        r"\d+\.\d \(95 % \d+\.\d–\d+\.\d\) on the holdout, UA ",
        nested.out,
        re.MULTILINE,
    )


def test_a_finished_one_is_only_reported(run, nested, monkeypatch):
    monkeypatch.setattr(
        "serbench.execute.fold.run_fold", lambda *_, line: pytest.fail("trained again")
    )
    ran = run(*nested.arguments, "--db", nested.db)
    assert (ran.code, ran.out) == (0, nested.out)


def test_each_round_is_listed_as_a_study_with_the_one_entry(run, nested):
    lines = run("study", "list", "--db", nested.db).out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert "speaker-2:nested-2, outer fold 2" in lines[1]
    assert [line.split()[-2:] for line in lines] == [["finished", "1"]] * 2
    second = json.loads(run("study", "show", "2", "--format", "json", "--db", nested.db).out)
    assert second["entry"]["entry"] == 1
    assert second["plan"]["outer_fold"] == 1


def test_the_outer_folds_have_seeds_of_their_own(database, folds):
    with database.session() as session:
        plans = [StudyPlan.from_dict(study.plan) for study in session.query(StudyRow)]
        seeds = [fold.seed for fold in session.query(FoldRow)]
    assert plans[0].root_seed == plans[0].seed == 0
    assert plans[1].root_seed != 0
    assert len(set(seeds)) == len(seeds) == len(folds)


def test_a_nested_protocol_is_another_protocol(manifest, row):
    assert row.protocol_id == protocol_id(manifest, parse_protocol("speaker-2:nested-2"))
    assert row.protocol_id != protocol_id(manifest, parse_protocol("speaker-2"))


def test_a_ranking_never_mixes_it_with_the_one_that_is_not_nested(
    run, nested, database, manifest, tmp_path
):
    rule = parse_protocol("speaker-2")
    holdout = split_dataset(manifest, rule).holdout.test
    header, *lines = export_predictions(database, 1).splitlines()
    kept = [line for row, line in enumerate(lines) if row in holdout]
    (tmp_path / "holdout.csv").write_text("\n".join([header, *kept]))
    (tmp_path / "copy.db").write_bytes(nested.db.read_bytes())
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    split = split_dataset(manifest, rule)
    import_predictions(copy, tmp_path / "holdout.csv", "guest", manifest, rule, split)
    copy.engine.dispose()
    rows = json.loads(run("leaderboard", "--format", "json", "--db", tmp_path / "copy.db").out)
    assert [(each["entry"], each["rank"]) for each in rows] == [(1, 1), (2, 1)]
    assert len({each["protocol_id"] for each in rows}) == 2
    ran = run("leaderboard", "compare", 1, 2, "--db", tmp_path / "copy.db")
    assert ran.code == 2
    assert "numbers of two protocols are not compared" in ran.err


def test_the_folds_of_several_outer_folds_are_not_exported(run, nested):
    ran = run("leaderboard", "export-predictions", 1, "--folds", "--db", nested.db)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("each with folds of its own: leave --folds away\n")


def test_a_nested_study_takes_two_outer_folds_or_more(run):
    ran = run("study", "run", "--backbone", "homebrew", "--nested", "1")
    assert ran.code == 2
    assert "Invalid value for '--nested'" in ran.err


def test_a_published_protocol_is_not_nested(run, nested):
    command = ["study", "run", "--backbone", "homebrew", "--protocol", "emodb/loso"]
    ran = run(*command, "--nested", "2", "--db", nested.db)
    assert (ran.code, ran.out) == (2, "")
    assert "'emodb/loso' has outer folds of its own: it cannot be nested" in ran.err
