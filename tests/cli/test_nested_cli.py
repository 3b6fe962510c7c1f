"""``study run --nested``: a search in each outer fold, one entry of them all."""

import json
import re

import numpy as np
import pytest
from refusals import error_of

from serbench.data.protocols import parse_protocol
from serbench.errors import SerbenchError
from serbench.score.scoring import score_folds, score_holdout
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.ledger import Ledger
from serbench.store.predictions import fold_predictions, joined, scored_predictions
from serbench.store.splits import Splits
from serbench.store.systems import find_system


@pytest.fixture(scope="module")
def database(nested):
    """The database of the nested study."""
    opened = Database(f"sqlite:///{nested.db}")
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def manifest(database):
    """The dataset."""
    return Datasets(database).manifest("tiny")


@pytest.fixture(scope="module")
def predicted(database):
    """The predictions on the holdout of each outer fold, and on its folds."""
    with database.session() as session:
        system = find_system(session, 1)
        return scored_predictions(session, system), fold_predictions(session, system)


def rows(run, db):
    return json.loads(run("leaderboard", "--format", "json", "--db", db).out)


def facts(manifest, found):
    return found.logits, manifest.targets[found.rows], manifest.speakers[found.rows]


def test_every_speaker_is_in_one_holdout(predicted, manifest):
    holdouts, folds = predicted
    assert sorted(joined(holdouts).rows.tolist()) == list(range(len(manifest)))
    for holdout, of_outer in zip(holdouts, folds, strict=True):
        inside = set(manifest.speakers[holdout.rows])
        assert of_outer.keys() == {0, 1}
        for fold in of_outer.values():
            assert not inside & set(manifest.speakers[fold.rows])


def test_the_entry_is_scored_on_all_holdouts_together(run, nested, made, predicted, manifest):
    [row] = rows(run, nested.db)
    expected = score_holdout(made.metrics, *facts(manifest, joined(predicted[0])))
    for name in ("uar", "accuracy", "macro_f1", "ece", "log_loss", "auc"):
        assert row[name] == expected[name].value
    assert tuple(row["uar_ci"]) == expected["uar"].interval


def test_its_tuning_score_is_over_the_folds_of_all_outer_folds(
    run, nested, made, predicted, manifest
):
    [row] = rows(run, nested.db)
    folds = [fold for of_outer in predicted[1] for fold in of_outer.values()]
    expected = score_folds(made.metrics, [facts(manifest, fold) for fold in folds])["uar"]
    assert len(folds) == 4
    assert (row["cv_uar_mean"], row["cv_uar_sd"]) == (expected.value, expected.spread)


def test_stopped_between_two_outer_folds_it_continues_with_the_second(nested):
    assert nested.trainings == (3, 3)
    [line] = [line for line in nested.err.splitlines() if line.startswith("continuing: ")]
    assert "3 trainings" in line
    assert "outer fold 2 of 2" in nested.err
    assert nested.out.startswith("entry 1: homebrew on tiny, speaker-2:nested-2: ")


ESTIMATE = re.compile(r"nested cross-validation: (\d+) trainings, (.*)")


def test_its_time_is_estimated_before_the_first_training(nested):
    lines = nested.err.splitlines()
    [(place, found)] = [
        (place, found) for place, line in enumerate(lines) if (found := ESTIMATE.match(line))
    ]
    assert found[1] == "3"
    assert re.fullmatch(r"(about|at most) \d+ s", found[2])
    assert place < next(n for n, line in enumerate(lines) if line.startswith("trial 1/"))


def test_without_an_earlier_training_only_their_number_is_printed(run, nested, monkeypatch):
    def no_study(*_, **__):
        raise SerbenchError("planned")

    monkeypatch.setattr("serbench.run.call.drive_study", no_study)
    ran = run(*nested.arguments, "--front-end", "mfcc", "--db", nested.db)
    [found] = filter(None, map(ESTIMATE.match, ran.err.splitlines()))
    assert found[1] == str(2 * (2 + 1))
    assert not re.search(r"\d", found[2])


@pytest.mark.usefixtures("untrained")
def test_a_finished_one_is_only_reported(run, nested):
    ran = run(*nested.arguments, "--db", nested.db)
    assert (ran.code, ran.out) == (0, nested.out)
    assert not [line for line in ran.err.splitlines() if ESTIMATE.match(line)]


def test_each_outer_fold_is_listed_as_a_study_with_the_one_entry(run, nested):
    studies = json.loads(run("study", "list", "--format", "json", "--db", nested.db).out)
    assert [(each["outer_fold"], each["state"], each["entry"]) for each in studies] == [
        (1, "finished", 1),
        (2, "finished", 1),
    ]
    assert "outer fold 2" in run("study", "list", "--db", nested.db).out
    second = json.loads(run("study", "show", "2", "--format", "json", "--db", nested.db).out)
    assert second["entry"]["entry"] == 1
    assert second["plan"]["outer_fold"] == 2


def test_the_outer_folds_have_seeds_of_their_own(run, nested, database, tmp_path):
    plans, seeds = [], []
    for number in (1, 2):
        shown = json.loads(run("study", "show", number, "--format", "json", "--db", nested.db).out)
        plans.append(
            StudyPlan.from_dict({**shown["plan"], "outer_fold": shown["plan"]["outer_fold"] - 1})
        )
        seeds += [each.seed for each in Ledger(database, tmp_path).outcomes(plans[-1]).values()]
    assert plans[0].root_seed == plans[0].seed == 0
    assert plans[1].root_seed != 0
    assert len(set(seeds)) == len(seeds) == 6


def test_a_nested_protocol_is_another_protocol(run, nested, copied, manifest):
    database = copied(nested)
    [row] = rows(run, nested.db)
    nested_one, plain = (
        Splits(database).of(manifest, parse_protocol(name)).identifier
        for name in ("speaker-2:nested-2", "speaker-2:holdout")
    )
    assert row["protocol_id"] == nested_one != plain


def test_a_ranking_never_mixes_it_with_one_that_is_not_nested(
    run, nested, copied, manifest, tmp_path
):
    database = copied(nested)
    holdout = (
        Splits(database)
        .of(manifest, parse_protocol("speaker-2:holdout"))
        .split.outer_folds[0]
        .holdout
    )
    exported = run("leaderboard", "export-predictions", 1).out
    header, *lines = exported.splitlines()
    kept = [line for row, line in enumerate(lines) if row in holdout.test]
    (tmp_path / "holdout.csv").write_text("\n".join([header, *kept]))
    to = ("--name", "guest", "--dataset", "tiny", "--protocol", "speaker-2:holdout")
    assert run("leaderboard", "import", "holdout.csv", *to).code == 0
    ranked = rows(run, tmp_path / "serbench.db")
    assert [(each["entry"], each["rank"]) for each in ranked] == [(1, 1), (2, 1)]
    assert len({each["protocol_id"] for each in ranked}) == 2
    line = error_of(run("leaderboard", "compare", 1, 2), 2)
    assert all(each["protocol_id"] in line for each in ranked)


def test_the_folds_of_several_outer_folds_are_not_exported(run, nested):
    ran = run("leaderboard", "export-predictions", 1, "--folds", "--db", nested.db)
    assert "--folds" in error_of(ran, 2)


def test_a_published_protocol_is_not_nested(run, nested):
    command = ["study", "run", "--backbone", "homebrew", "--protocol", "emodb/loso"]
    assert "emodb/loso" in error_of(run(*command, "--nested", "2", "--db", nested.db), 2)


def test_the_predictions_are_those_of_the_entry(run, nested, predicted, manifest):
    exported = run("leaderboard", "export-predictions", 1, "--db", nested.db).out
    lines = [line.split(",") for line in exported.splitlines()[1:]]
    together = joined(predicted[0]).by_row()
    np.testing.assert_array_equal(
        np.array([[np.float32(cell) for cell in line[2:]] for line in lines]), together.logits
    )
