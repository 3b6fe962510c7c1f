"""What a study yields, recorded and read back."""

from dataclasses import replace

import numpy as np
import pytest

from serbench.errors import UsageError
from serbench.model.compute import ComputeSettings
from serbench.search.plan import StudyPlan
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryFacts
from serbench.store.latency import LatencyFacts
from serbench.store.machines import Machine, this_machine
from serbench.store.schema import FoldRow, LatencyRow, StudyRow
from serbench.store.studies import Studies
from serbench.views.leaderboard import read_rankings
from serbench.views.study import list_studies, show_study

FACTS = EntryFacts(1, "none", 24_902, 5_000_000_000, artifact="a", artifact_sha256="0")


@pytest.fixture
def manifest(made):
    """A scanned dataset."""
    return made.manifest()


@pytest.fixture
def plan(made, manifest):
    """A study on it."""
    return made.plan(manifest)


@pytest.fixture
def studies(database, made, manifest, plan):
    """A database that holds the dataset and the study, begun."""
    Datasets(database).save_scan(made.scanned(manifest))
    studies = Studies(database)
    studies.begin_study(plan, ComputeSettings(1))
    return studies


@pytest.fixture
def entries(database):
    """The entries of that database."""
    return Entries(database)


@pytest.fixture
def finish(studies, entries, made, manifest, plan):
    """``finish()`` records two trials of two folds and the winner's holdout; gives the entry."""

    def finish_study():
        for trial in range(2):
            studies.begin_trial(plan, trial, {"learning_rate": 0.001, "freeze_depth": trial})
            for fold in range(2):
                studies.save_fold(plan, made.outcome(manifest, trial, fold))
            studies.end_trial(plan, trial, "complete", 0.5 + trial / 4)
        studies.finish_study(plan, made.outcome(manifest, 1, "holdout"))
        return entries.save_entry(plan, FACTS)

    return finish_study


def assert_equal_outcomes(one, other):
    assert one.logits.dtype == np.float32
    assert one.logits.tobytes() == other.logits.tobytes()
    assert one.rows.tolist() == other.rows.tolist()
    assert np.array_equal(one.scores.confusion, other.scores.confusion)
    plain = {"logits": None, "rows": None, "scores": None}
    assert replace(one, **plain) == replace(other, **plain)


def test_a_plan_is_read_back_as_it_was_saved(studies, finish, plan, entries):
    assert entries.record(finish()).plan == plan


def test_the_study_says_where_and_with_what_it_ran(database, studies):
    with database.session() as session:
        row = session.query(StudyRow).one()
        assert row.machine == vars(this_machine())
        assert row.versions.keys() >= {"python", "serbench", "torch", "optuna"}


def test_beginning_twice_is_beginning_once(database, studies, plan):
    for _ in range(2):
        studies.begin_study(plan, ComputeSettings(1))
        studies.begin_trial(plan, 0, {"learning_rate": 0.1})
    assert len(list_studies(database)) == 1
    assert [trial["trial"] for trial in show_study(database, 1)["trials"]] == [0]


def test_folds_come_back_bit_for_bit(studies, made, manifest, plan):
    saved = {(0, fold): made.outcome(manifest, 0, fold) for fold in range(2)}
    studies.begin_trial(plan, 0, {})
    for outcome in saved.values():
        studies.save_fold(plan, outcome)
    read = studies.folds(plan)
    assert read.keys() == saved.keys()
    for key in saved:
        assert_equal_outcomes(read[key], saved[key])


def test_logits_keep_every_value_a_float_can_have(studies, made, manifest, plan):
    saved = made.outcome(manifest, 0, 0)
    strange = np.array([np.nan, np.inf, -0.0, 1e-45, np.float32(1) / 3, 3.4e38], dtype=np.float32)
    saved.logits[0] = strange
    studies.begin_trial(plan, 0, {})
    studies.save_fold(plan, saved)
    assert studies.folds(plan)[0, 0].logits[0].tobytes() == strange.tobytes()


def test_scores_are_computed_from_the_logits_and_not_from_what_stands_beside(
    database, studies, made, manifest, plan
):
    saved = made.outcome(manifest, 0, 0)
    studies.begin_trial(plan, 0, {})
    studies.save_fold(plan, saved)
    with database.session() as session:
        session.query(FoldRow).one().uar = 0.99
    assert studies.folds(plan)[0, 0].scores.uar == saved.scores.uar


def test_a_stopped_study_goes_on_from_its_folds(studies, finish, made, manifest, plan, entries):
    studies.begin_trial(plan, 0, {"learning_rate": 0.001, "freeze_depth": 0})
    studies.save_fold(plan, made.outcome(manifest, 0, 0))
    assert list(studies.folds(plan)) == [(0, 0)]
    assert entries.entry_of(plan) is None


def test_a_fold_is_recorded_once(studies, made, manifest, plan):
    studies.begin_trial(plan, 0, {})
    studies.save_fold(plan, made.outcome(manifest, 0, 0))
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        studies.save_fold(plan, made.outcome(manifest, 0, 0))
    assert list(studies.folds(plan)) == [(0, 0)]


def test_studies_do_not_see_each_others_folds(studies, made, manifest, plan):
    other = replace(plan, seed=1)
    studies.begin_study(other, ComputeSettings(1))
    studies.begin_trial(other, 0, {})
    studies.save_fold(other, made.outcome(manifest, 0, 0))
    assert studies.folds(plan) == {}


def test_a_finished_study_has_an_entry_and_its_holdout(
    studies, finish, made, manifest, plan, entries
):
    number = finish()
    assert entries.entry_of(plan) == number == 1
    holdout = studies.folds(plan)[1, "holdout"]
    assert_equal_outcomes(holdout, made.outcome(manifest, 1, "holdout"))


def test_an_entry_holds_what_using_its_network_takes(studies, finish, manifest, entries):
    record = entries.record(finish())
    assert record.emotions == manifest.emotions
    assert (record.artifact, record.artifact_sha256) == ("a", "0")


def test_mean_and_deviation_are_over_the_winners_folds_without_the_holdout(
    database, studies, finish, made, manifest, entries
):
    entries.save_latency(finish(), made.machine, made.latency())
    [ranking] = read_rankings(database)
    uars = [made.outcome(manifest, 1, fold).scores.uar for fold in range(2)]
    [row] = ranking.rows
    assert row.cv_uar_mean == pytest.approx(sum(uars) / 2)
    assert row.cv_uar_sd == pytest.approx(abs(uars[0] - uars[1]) / 2**0.5)
    assert row.uar == made.outcome(manifest, 1, "holdout").scores.uar
    assert row.macs == 5_000_000_000


def test_one_without_a_measured_latency_is_ranked_by_accuracy_alone(database, finish):
    entry = finish()
    [ranking] = read_rankings(database)
    [row] = ranking.rows
    assert (row.entry, row.rank, row.front) == (entry, 1, "no latency")
    assert row.latency_ms_p90 is None


def test_an_unknown_entry_lists_those_there_are(studies, finish, entries):
    with pytest.raises(UsageError, match="no entry 7: run `serbench study run` first"):
        entries.record(7)
    finish()
    with pytest.raises(UsageError, match="no entry 7: there are 1"):
        entries.record(7)


def test_measuring_again_replaces_the_older_latency(database, studies, finish, made, entries):
    entry = finish()
    for p90 in (9.0, 8.0):
        entries.save_latency(entry, made.machine, made.latency(p90=p90))
    [ranking] = read_rankings(database)
    assert [row.latency_ms_p90 for row in ranking.rows] == [8.0]


def test_threads_runtimes_and_machines_are_measured_side_by_side(
    database, studies, finish, made, entries
):
    entry = finish()
    other = Machine("Another processor", 8, "Linux x86_64")
    entries.save_latency(entry, made.machine, made.latency())
    entries.save_latency(entry, made.machine, made.latency(threads=2))
    entries.save_latency(entry, made.machine, made.latency(runtime="onnx"))
    entries.save_latency(entry, other, made.latency())
    with database.session() as session:
        assert session.query(LatencyRow).count() == 4
    assert sorted(set(entries.latency_threads(entry, made.machine))) == [1, 2]
    assert entries.latency_threads(entry, other) == [1]


def test_a_latency_is_kept_whole(database, studies, finish, made, entries):
    facts = LatencyFacts("eager", 1, 100, 0.1, 0.2, 0.3, 0.01, 0.02, 0.05, 0.06)
    entries.save_latency(finish(), made.machine, facts)
    with database.session() as session:
        row = session.query(LatencyRow).one()
        assert {name: getattr(row, name) for name in vars(facts)} == vars(facts)
        assert row.machine.cpu == "A processor"
        assert "torch" in row.versions


def test_the_overview_follows_a_study_from_begin_to_end(database, studies, finish, made, plan):
    assert (
        list_studies(database)[0].items()
        >= {
            "study": 1,
            "dataset": "small",
            "trials": 0,
            "of": 2,
            "best_mean_uar": None,
            "state": "unfinished",
            "entry": None,
        }.items()
    )
    entry = finish()
    assert (
        list_studies(database)[0].items()
        >= {
            "trials": 2,
            "best_mean_uar": 0.75,
            "state": "finished",
            "entry": entry,
        }.items()
    )


def test_a_study_is_shown_with_every_trial_fold_and_its_holdout(database, finish, plan):
    finish()
    shown = show_study(database, 1)
    assert StudyPlan.from_dict(shown["plan"]) == plan
    assert [[fold["fold"] for fold in trial["folds"]] for trial in shown["trials"]] == [
        ["0", "1"],
        ["0", "1", "holdout"],
    ]
    assert [trial["state"] for trial in shown["trials"]] == ["complete", "complete"]
    assert shown["entry"]["trial"] == 1


def test_an_unknown_study_lists_those_there_are(database, studies):
    with pytest.raises(UsageError, match="no study 7: there are 1"):
        show_study(database, 7)


def test_how_a_training_went_is_kept(studies, plan, made, manifest):
    studies.begin_trial(plan, 0, {"learning_rate": 0.001})
    outcome = replace(
        made.outcome(manifest, 0, 1),
        curve=(0.25, 0.5, 0.375),
        losses=(1.5, 1.25, 1.375),
        pruned=True,
    )
    studies.save_fold(plan, outcome)
    [found] = studies.folds(plan).values()
    assert found.curve == (0.25, 0.5, 0.375)
    assert found.losses == (1.5, 1.25, 1.375)
    assert found.pruned
