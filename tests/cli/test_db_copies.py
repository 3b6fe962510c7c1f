"""``serbench db check``, ``backup``, ``restore`` and ``merge`` on the command line."""

import json

import pytest
from refusals import error_of

from serbench.search.plan import StudyPlan
from serbench.store.holdout import forget_lost_holdout
from serbench.store.schema import PredictionRow, StudyRow


def rows(run, *options):
    return json.loads(run("leaderboard", "--format", "json", *options).out)


def logits(database):
    with database.session() as session:
        return {
            (row.split.fold, row.split.test, row.logits) for row in session.query(PredictionRow)
        }


def test_a_mended_study_is_run_again_with_the_same_results(run, finished, copied, tmp_path, quick):
    database = copied(finished)
    before, ranking = logits(database), rows(run)
    checked = run("db", "check", "--format", "json")
    assert (checked.code, json.loads(checked.out)) == (0, [])
    files = sorted((tmp_path / "serbench-artifacts").glob("*.safetensors"))
    assert len(files) == 3
    content = {path: path.read_bytes() for path in files}
    for path in files:
        path.write_bytes(b"damaged")
    checked = run("db", "check")
    assert checked.code == 1
    assert all(path.name in checked.out for path in files)
    mended = run("db", "check", "--mend", "--format", "json")
    assert (mended.code, [each["mended"] for each in json.loads(mended.out)]) == (0, [True] * 3)
    assert rows(run) == ranking
    with database.session() as session:
        plan = StudyPlan.from_dict(session.query(StudyRow).one().plan)
    # The study begins to run again, and is interrupted at once.
    assert forget_lost_holdout(database, tmp_path / "serbench-artifacts", plan)
    for command in (
        ("leaderboard",),
        ("study", "list"),
        ("study", "show", 1),
        ("leaderboard", "show", 1, "-q"),
        ("predict", 1, finished.corpus),
        ("evaluate", 1, "--dataset", "tiny"),
        ("latency", 1, "--quick"),
        ("recommend",),
        ("leaderboard", "export-predictions", 1),
        ("export", 1, "--out", tmp_path / "model.onnx"),
        ("db", "info"),
    ):
        ran = run(*command)
        assert ran.code in (0, 1, 2), ran.err
    assert run(*finished.arguments).code == 0
    assert logits(database) == before
    assert {path: path.read_bytes() for path in files} == content
    assert run("db", "check").code == 0
    kept = ("entry", "uar", "uar_ci", "cv_uar")
    assert [[each.get(name) for name in kept] for each in rows(run)] == [
        [each.get(name) for name in kept] for each in ranking
    ]


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_backup_is_restored_and_merged(run, finished, copied, tmp_path, name):
    copied(finished)
    ranking = run("leaderboard", "--format", "json").out
    made = run("db", "backup", tmp_path / name, "--format", "json")
    assert json.loads(made.out)["files"] == 3
    new = ("--db", tmp_path / "new" / "other.db")
    assert run("db", "restore", tmp_path / name, *new).code == 0
    assert run("leaderboard", "--format", "json", *new).out == ranking
    assert "exists" in error_of(run("db", "restore", tmp_path / name, *new), 2)
    again = json.loads(run("db", "merge", tmp_path / name, "--format", "json").out)
    assert (again["entries"], again["studies"], again["files"]) == ([], 0, 0)


def test_after_a_merge_the_leaderboard_has_the_rows_of_both(
    run, finished, all_tested, copied, tmp_path
):
    copied(finished)
    theirs = rows(run, "--db", all_tested.db)
    merged = run("db", "merge", all_tested.db, "--format", "json")
    assert merged.code == 0, merged.err
    assert json.loads(merged.out)["entries"] == [{"other": 1, "entry": 2}]
    for row in theirs:
        row["entry"] = 2
    found = rows(run)
    kept = ("entry", "uar", "uar_ci", "cv_uar", "protocol", "params", "backbone")
    assert sorted([[each.get(name) for name in kept] for each in found], key=str) == sorted(
        [[each.get(name) for name in kept] for each in (*rows(run, "--db", finished.db), *theirs)],
        key=str,
    )
    once = run("leaderboard", "--format", "json").out
    assert json.loads(run("db", "merge", all_tested.db, "--format", "json").out)["studies"] == 0
    assert run("leaderboard", "--format", "json").out == once
    assert run("predict", 2, finished.corpus, "-q").code == 0


def test_a_database_that_is_not_there_is_named(run, finished, copied, tmp_path):
    copied(finished)
    assert "typo.db" in error_of(run("db", "merge", tmp_path / "typo.db"), 1)
