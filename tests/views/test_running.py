"""A study while it runs: its state, its folds, its curve, the time left, what matters."""

import pytest
from making.entries import NESTED, PARAMETERS, add_entry, begin, finish, run_trial

from serbench.errors import SerbenchError, UsageError
from serbench.model.training import EpochReport, Validation
from serbench.search.events import FoldScored, TrialEnded, TrialStarted
from serbench.search.study import ignore_epoch
from serbench.store.candidates import CandidateRecords
from serbench.store.lease import search_key, study_lease
from serbench.store.trials import EpochRecords
from serbench.views.running import StudyWatch

SECONDS = 1.25
"""The time of a training of three epochs in `made.outcome`."""


@pytest.fixture
def manifest(made):
    return made.manifest()


@pytest.fixture
def plan(made, manifest):
    """Three trials of two folds, without a holdout, so that folds are halves."""
    return made.plan(manifest, trials=3, protocol="speaker-2")


@pytest.fixture
def ledger(database, made, manifest, plan, artifacts):
    """The ledger of a study with one complete trial, and one of which a fold is done."""
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, skill=1.0)
    ledger.record(plan, TrialStarted(1, PARAMETERS))
    ledger.record(plan, FoldScored(made.outcome(manifest, 1, 0, plan)))
    return ledger


@pytest.fixture
def watch(database, artifacts):
    return StudyWatch(database, artifacts)


def epoch(number, uar):
    return EpochReport(number, 3, 1.0, Validation(1.0, 0.1, uar))


def test_without_a_study_it_is_an_error(database, watch):
    with pytest.raises(SerbenchError):
        watch.view()
    with pytest.raises(UsageError):
        watch.view(1)


def test_a_running_study_has_its_trials_folds_and_the_time_left(watch, ledger, plan, made):
    with ledger.lease(plan):
        found = watch.view()
    assert (found.study, found.state, found.step) == (1, "running", "search")
    assert [trial.state for trial in found.trials] == ["complete", "running"]
    assert [fold.state for fold in found.trials[1].folds] == ["complete", "waiting"]
    outcome = made.outcome(made.manifest(), 1, 0, plan)
    assert (found.trials[1].folds[0].uar, found.trials[1].folds[0].epochs) == (outcome.uar, 3)
    assert (found.best, found.best_mean_uar) == (1, found.trials[0].mean_uar)
    assert (found.trainings, found.trainings_left) == (3, 4)
    assert found.seconds == 3 * SECONDS
    # Each fold trains on a half of the clips, and the last training on all of them.
    assert found.seconds_left == pytest.approx(3 * SECONDS + 2 * SECONDS)
    assert not found.at_most
    assert found.curve.uars == (0.25, 0.5, 0.375)
    assert (found.curve.trial, found.curve.fold, found.curve.running) == (2, 1, False)


def test_the_epochs_of_a_running_training_are_seen_until_it_is_recorded(
    watch, ledger, plan, made, database, manifest
):
    seconds = iter((0.0, 1.0, 2.5))
    received = []
    records = EpochRecords(
        database, plan, lambda *each: received.append(each), lambda: next(seconds)
    )
    with ledger.lease(plan):
        for number in (1, 2):
            records(1, 1, epoch(number, number / 10))
        assert not watch.view().curve.running  # within the interval nothing is written
        records(1, 1, epoch(3, 0.3))
        found = watch.view()
        assert (found.curve.trial, found.curve.fold, found.curve.epoch) == (2, 2, 3)
        assert (found.curve.running, found.curve.uars) == (True, (0.1, 0.2, 0.3))
        assert (found.trials[1].folds[1].state, found.trials[1].folds[1].epochs) == ("running", 3)
        assert found.seconds_left == pytest.approx(2 * SECONDS + 2 * SECONDS)
        outcome = made.outcome(manifest, 1, 1, plan)
        ledger.record(plan, FoldScored(outcome))
        assert not watch.view().curve.running
    assert [report.epoch for _, _, report in received] == [1, 2, 3]


def test_a_killed_study_is_interrupted_and_its_epochs_are_gone_when_it_continues(
    watch, ledger, plan, made, database, manifest, artifacts
):
    records = EpochRecords(database, plan, ignore_epoch, iter((0.0, 9.0)).__next__)
    records(1, 1, epoch(1, 0.1))
    records(1, 1, epoch(2, 0.2))
    found = watch.view()
    assert (found.state, found.seconds_left, found.is_active) == ("interrupted", None, False)
    assert found.next_command == "serbench study show 1"
    begin(database, made, manifest, plan, artifacts)
    with ledger.lease(plan):
        assert not watch.view().curve.running


def test_the_last_steps_of_a_study(watch, database, made, manifest, artifacts):
    plan = made.plan(manifest, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    with ledger.lease(plan):
        assert watch.view().step == "last training"
        finish(ledger, made, manifest, plan, 0)
        found = watch.view()
        assert (found.step, found.trainings_left, found.is_active) == ("completion", 0, True)
    assert watch.view().state == "finished"


def test_a_finished_study_names_its_entry(watch, database, made, manifest, artifacts):
    entry = add_entry(database, made, manifest, artifacts=artifacts)
    found = watch.view()
    assert (found.state, found.study, found.outer_fold, found.outer_folds) == ("finished", 2, 2, 2)
    assert found.next_command == f"serbench leaderboard show {entry}"


def test_of_several_studies_the_running_one_is_shown(
    watch, database, made, manifest, artifacts, ledger, plan
):
    add_entry(database, made, manifest, artifacts=artifacts, protocol="speaker-2:holdout", seed=1)
    assert watch.view().study == 2
    with ledger.lease(plan):
        assert watch.view().study == 1


def test_of_outer_folds_the_last_begun_one_runs(watch, database, made, manifest, artifacts):
    plan = made.plan(manifest, protocol=NESTED, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    with ledger.lease(plan):
        assert watch.view().study == 2
        assert watch.view(1).state == "finished"


def test_a_candidate_waits_while_its_search_tries_another(watch, ledger, plan, database, artifacts):
    CandidateRecords(database).add_seconds(plan, 1.0)
    with study_lease(database, artifacts, search_key(plan.dataset_hash)):
        found = watch.view()
        assert (found.state, found.is_active) == ("waiting", True)
    assert watch.view().state == "interrupted"


def test_the_parameter_that_decides_is_the_important_one(
    watch, database, made, manifest, artifacts
):
    plan = made.plan(manifest, trials=8)
    ledger = begin(database, made, manifest, plan, artifacts)
    for trial in range(8):
        varied = {"learning_rate": 10.0 ** -(1 + trial % 4), "freeze_depth": trial // 2}
        run_trial(
            *(ledger, made, manifest, plan, trial),
            skill=2.0 * (trial % 4),
            parameters=PARAMETERS | varied,
        )
        if trial == 2:
            assert watch.view().importance is None
    shares = watch.view().importance
    assert next(iter(shares)) == "learning_rate"
    assert shares["learning_rate"] > 0.7
    assert sum(shares.values()) == pytest.approx(1)
    assert shares.keys() == {"learning_rate", "freeze_depth"}  # the read-out was not varied


def test_a_study_that_failed_has_no_best_trial(watch, database, made, manifest, artifacts):
    plan = made.plan(manifest, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    ledger.record(plan, TrialEnded(0, PARAMETERS, False, (), failure="its loss is NaN"))
    ledger.finish(plan)
    found = watch.view()
    assert (found.state, found.best, found.curve) == ("failed", None, None)
