"""Studies as a whole: their budgets, the nearest other one, deleting them."""

from dataclasses import replace

import pytest
from making.entries import LINEAGE, NESTED, add_entry, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.model.complexity import Complexity
from serbench.run.forecast import forecast
from serbench.search.events import FoldScored, TrialStarted
from serbench.search.plan import WITHOUT_TRAINING
from serbench.store.pace import pace_of
from serbench.store.schema import StudyRow, SystemRow, TrialRow
from serbench.store.studies import (
    Standing,
    delete_study,
    find_study,
    nearest_study,
    standings,
    studies_with,
)
from serbench.store.systems import Systems


@pytest.fixture
def manifest(made):
    return made.manifest()


@pytest.mark.parametrize(
    ("trials", "seconds", "asked", "timeout", "spent"),
    [
        (2, 10.0, 2, None, True),
        (2, 10.0, 1, None, True),
        (2, 10.0, 3, None, False),
        (2, 10.0, 3, 10.0, True),
        (2, 10.0, 3, 10.5, False),
        (0, 0.0, 1, 0.001, False),
    ],
)
def test_a_budget_is_spent_by_trials_or_by_time(
    made, manifest, trials, seconds, asked, timeout, spent
):
    plan = made.plan(manifest, trials=asked, timeout=timeout)
    assert Standing(1, trials, seconds, True, 1).has_spent(plan) is spent
    assert not Standing(1, trials, seconds, False, 1).has_spent(plan)


def test_the_progress_of_a_study_is_that_of_its_outer_folds(database, made, manifest, artifacts):
    plan = made.plan(manifest, protocol=NESTED, trials=2)
    assert standings(database, plan) == []
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    assert standings(database, replace(plan, trials=7)) == [
        Standing(1, 1, 2 * 1.25, True, None),  # without the holdout's seconds
        Standing(2, 0, 0.0, False, None),
    ]


def test_a_larger_budget_is_recorded_and_makes_the_study_unfinished(
    database, made, manifest, artifacts
):
    plan = made.plan(manifest, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    begin(database, made, manifest, replace(plan, trials=5, timeout=9.0), artifacts)
    with database.session() as session:
        [study] = session.query(StudyRow)
        assert (study.plan["trials"], study.plan["timeout"]) == (5, 9.0)
        assert study.finished is None
    ledger.finish(plan)
    begin(database, made, manifest, replace(plan, trials=1), artifacts)
    with database.session() as session:
        assert session.query(StudyRow).one().plan["trials"] == 1
    run_trial(ledger, made, manifest, plan, 1)
    begin(database, made, manifest, replace(plan, trials=1), artifacts)
    with database.session() as session:
        assert session.query(StudyRow).one().plan["trials"] == 2, "what has begun counts"


def test_the_nearest_study_differs_in_the_fewest_options(database, made, manifest, artifacts):
    plan = made.plan(manifest)
    assert nearest_study(database, plan) is None
    begin(database, made, manifest, replace(plan, epochs=7, seed=3), artifacts)
    begin(database, made, manifest, replace(plan, epochs=7, bounds={"gain": (0, 3)}), artifacts)
    begin(database, made, manifest, replace(plan, backbone="resnet18"), artifacts)
    number, options = nearest_study(
        database, replace(plan, clip_format=replace(plan.clip_format, sample_rate=8000))
    )
    assert number == 2, "of those that are equally near the newest"
    assert options["sample_rate"] == (24_414, 8000)
    assert options["epochs"] == (7, 3)
    assert nearest_study(database, replace(plan, seed=3)) == (1, {"epochs": (7, 3)})
    begin(database, made, manifest, plan, artifacts)
    more = replace(plan, trials=30, timeout=5.0)
    assert nearest_study(database, replace(more, precision="bf16")) == (
        4,
        {"precision": (None, "bf16")},
    )


def test_between_a_trained_and_a_fitted_head_options_of_training_are_no_difference(
    database, made, manifest, artifacts
):
    trained = made.plan(manifest, seed=1)
    fitted = replace(trained, head="svm", **WITHOUT_TRAINING)
    begin(database, made, manifest, trained, artifacts)
    assert nearest_study(database, fitted) == (1, {"head": ("linear", "svm")})
    begin(database, made, manifest, replace(fitted, seed=0), artifacts)
    assert nearest_study(database, fitted) == (2, {"seed": (0, 1)})
    assert nearest_study(database, replace(trained, epochs=9)) == (1, {"epochs": (3, 9)})


def test_a_study_that_led_to_an_entry_is_not_deleted_alone(database, made, manifest, artifacts):
    add_entry(database, made, manifest, artifacts=artifacts)
    with pytest.raises(UsageError) as refusal:
        delete_study(database, 1, artifacts)
    assert refusal.value.facts == {"number": 1, "entry": 1}


def test_a_study_is_deleted_with_those_of_its_outer_folds(database, made, manifest, artifacts):
    kept = made.plan(manifest, seed=1)
    ledger = begin(database, made, manifest, kept, artifacts)
    run_trial(ledger, made, manifest, kept, 0)
    plan = made.plan(manifest, protocol=NESTED)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    assert [(each.number, each.trials) for each in studies_with(database, 3)] == [(2, 1), (3, 0)]
    before = set(artifacts.glob("*.safetensors"))
    delete_study(database, 3, artifacts)
    with database.session() as session:
        assert [study.id for study in session.query(StudyRow)] == [1]
        assert session.query(TrialRow).count() == 1
    left = set(artifacts.glob("*.safetensors"))
    assert left < before
    assert all(path.name.startswith(kept.key) for path in left)
    begin(database, made, manifest, plan, artifacts)


def test_an_entrys_number_is_not_taken_for_a_studys(database, made, manifest, artifacts):
    for number in range(3):
        begin(database, made, manifest, made.plan(manifest, seed=9 + number), artifacts)
    add_entry(database, made, manifest, protocol="speaker-2:holdout", artifacts=artifacts)
    with database.session() as session:
        session.delete(session.get_one(StudyRow, 1))
    with pytest.raises(UsageError) as refusal, database.session() as session:
        find_study(session, 1)
    assert "study 4" in str(refusal.value)
    with pytest.raises(UsageError) as refusal:
        Systems(database).record(4)
    assert "entry 1" in str(refusal.value)


def test_a_pace_is_that_of_trainings_alike_on_this_machine(database, made, manifest, artifacts):
    plan = made.plan(manifest)
    machine = vars(made.machine)
    assert pace_of(database, plan, machine) is None
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    clips = [len(made.split(manifest, plan.protocol, 0, fold).train) for fold in range(2)]
    pace = pace_of(database, plan, machine)
    assert pace.seconds == pytest.approx(2 * 1.25 / (3 * sum(clips)))
    assert (pace.epochs, pace.same_dataset) == (3, True)
    assert pace_of(database, replace(plan, dataset_hash="other"), machine).same_dataset is False
    assert pace_of(database, replace(plan, epochs=9), machine).epochs is None
    assert pace_of(database, replace(plan, front_end="mfcc"), machine) is None
    assert pace_of(database, plan, {**machine, "name": "another"}) is None


def test_the_pace_of_a_fitted_head_is_that_of_fits(
    database, made, manifest, artifacts, monkeypatch
):
    monkeypatch.setattr("serbench.run.forecast.this_machine", lambda: made.machine)
    trained = made.plan(manifest)
    fitted = replace(trained, seed=1, **WITHOUT_TRAINING)
    machine = vars(made.machine)
    ledger = begin(database, made, manifest, trained, artifacts)
    run_trial(ledger, made, manifest, trained, 0)
    assert pace_of(database, fitted, machine) is None
    ledger = begin(database, made, manifest, fitted, artifacts)
    rows = [made.split(manifest, fitted.protocol, 0, fold).train for fold in range(2)]
    ledger.record(fitted, TrialStarted(0, {"readout": "pooled"}))
    for fold in range(2):
        outcome = replace(made.outcome(manifest, 0, fold, fitted), epochs=0, seconds=0.5)
        ledger.record(fitted, FoldScored(outcome))
    pace = pace_of(database, fitted, machine)
    assert pace.seconds == pytest.approx(2 * 0.5 / sum(map(len, rows)))
    found = forecast(replace(fitted, trials=3), manifest, database)
    last = made.split(manifest, fitted.protocol, 0, HOLDOUT).train
    clips = (3 - 1) * sum(map(len, rows)) + len(last)
    assert found.seconds == pytest.approx(clips * pace.seconds)
    assert not found.at_most
    assert pace_of(database, trained, machine).epochs == 3


def test_an_entry_keeps_its_number_when_it_is_ranked_again(database, made, manifest, artifacts):
    number = add_entry(database, made, manifest, artifacts=artifacts)
    add_entry(database, made, manifest, seed=1, artifacts=artifacts)
    plan = made.plan(manifest, protocol=NESTED, trials=1)
    assert Systems(database).rank(plan, made.metrics, LINEAGE) == number


def test_an_entry_has_the_size_of_its_network_once_it_was_measured(
    database, made, manifest, artifacts
):
    number = add_entry(database, made, manifest, artifacts=artifacts)
    plan = made.plan(manifest, protocol=NESTED, trials=1, seed=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    for fold in range(2):
        outer = plan.of_outer_fold(fold)
        run_trial(ledger, made, manifest, outer, 0)
        finish(ledger, made, manifest, outer, 0)
    unmeasured = Systems(database).rank(plan, made.metrics, LINEAGE)
    systems = Systems(database)
    assert [systems.has_complexity(entry) for entry in (number, unmeasured)] == [True, False]
    systems.save_complexity(unmeasured, Complexity(3, 4))
    with database.session() as session:
        row = session.query(SystemRow).filter_by(number=unmeasured).one()
        assert (row.params, row.macs, row.readout) == (3, 4, "pooled")
