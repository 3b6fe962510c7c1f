"""The ledger: a study's events, recorded and read back."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from making.entries import LINEAGE, PARAMETERS, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import SerbenchError, StorageError
from serbench.model.compute import ComputeSettings
from serbench.model.machine import this_machine
from serbench.search.events import (
    FoldScored,
    LastTrainingStarted,
    TrialEnded,
    TrialStarted,
    WinnerTested,
)
from serbench.store.ledger import Ledger
from serbench.store.schema import (
    LookRow,
    PredictionRow,
    StudyRow,
    SystemRow,
    TrainingRow,
)
from serbench.store.studies import entry_within, standings
from serbench.store.systems import Systems


def assert_equal_outcomes(read, saved):
    assert read.logits.dtype == np.float32
    assert read.logits.tobytes() == saved.logits.tobytes()
    assert read.rows.tolist() == saved.rows.tolist()
    assert np.array_equal(read.confusion, saved.confusion)
    plain = {"logits": None, "rows": None, "confusion": None, "state": {}}
    assert replace(read, **plain) == replace(saved, **plain)


def test_a_study_records_its_plan_machine_and_versions(database, ledger, plan):
    with database.session() as session:
        row = session.query(StudyRow).one()
        assert type(plan).from_dict(row.plan) == plan
        assert row.machine == vars(this_machine())
        assert row.versions.keys() >= {"python", "serbench", "torch", "optuna"}
        assert row.system.number is None, "nothing is ranked yet"


def test_beginning_twice_is_beginning_once(database, ledger, made, manifest, plan, artifacts):
    begin(database, made, manifest, plan, artifacts, ComputeSettings(7))
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    assert ledger.compute_settings(plan) == ComputeSettings(1), "the first settings stand"
    assert [trial.number for trial in ledger.history(plan)] == [0]
    with database.session() as session:
        assert session.query(StudyRow).count() == 1


def test_a_study_that_has_not_begun_has_no_settings_and_no_history(database, ledger, plan):
    other = replace(plan, seed=1)
    assert ledger.compute_settings(other) is None
    assert not standings(database, other)
    assert standings(database, plan)
    assert ledger.history(other) == []
    assert ledger.outcomes(other) == {}


def test_outcomes_come_back_bit_for_bit(ledger, made, manifest, plan):
    run_trial(ledger, made, manifest, plan, 0)
    holdout = finish(ledger, made, manifest, plan, 0)
    read = ledger.outcomes(plan)
    assert read.keys() == {(0, 0), (0, 1), (0, HOLDOUT)}
    assert_equal_outcomes(read[0, HOLDOUT], holdout)
    for fold in range(2):
        assert_equal_outcomes(read[0, fold], made.outcome(manifest, 0, fold, plan))


@pytest.fixture
def without_holdout(database, made, manifest, plan, artifacts):
    """A ledger, the plan of a study without a holdout, and its complete first trial."""
    plain = replace(plan, protocol="speaker-2")
    ledger = begin(database, made, manifest, plain, artifacts)
    run_trial(ledger, made, manifest, plain, 0)
    return ledger, plain


def test_a_last_training_without_test_rows_is_recorded_without_a_score(
    database, without_holdout, made, manifest, artifacts
):
    ledger, plan = without_holdout
    last = finish(ledger, made, manifest, plan, 0)
    assert len(last.rows) == 0
    read = ledger.outcomes(plan)
    assert read.keys() == {(0, 0), (0, 1), (0, HOLDOUT)}
    for fold in range(2):
        assert_equal_outcomes(read[0, fold], made.outcome(manifest, 0, fold, plan))
    assert len(read[0, HOLDOUT].rows) == len(read[0, HOLDOUT].logits) == 0
    assert not read[0, HOLDOUT].confusion.any()
    assert read[0, HOLDOUT].best_epoch == last.best_epoch
    [trial] = ledger.history(plan)
    assert trial.uars.keys() == {0, 1}
    assert (artifacts / f"{plan.key}-winner-1.safetensors").is_file()
    with database.session() as session:
        uars = {t.split.fold: t.uar for t in session.query(TrainingRow)}
        assert uars == {"0": read[0, 0].uar, "1": read[0, 1].uar, HOLDOUT: None}
        assert session.query(LookRow).count() == 0, "nothing was tested on a holdout"
        study = session.query(StudyRow).filter_by(key=plan.key).one()
        assert study.finished is not None
        assert study.system.protocol.evidence == "corrected_cv"


def test_a_last_training_without_test_rows_is_repeated_if_its_network_is_lost(
    without_holdout, made, manifest, artifacts
):
    ledger, plan = without_holdout
    last = finish(ledger, made, manifest, plan, 0)
    path = artifacts / f"{plan.key}-winner-1.safetensors"
    whole = path.read_bytes()
    path.unlink()
    assert ledger.forget_lost_holdout(plan)
    assert ledger.outcomes(plan).keys() == {(0, 0), (0, 1)}
    ledger.record(plan, WinnerTested(0, PARAMETERS, last))
    assert path.read_bytes() == whole
    assert not ledger.forget_lost_holdout(plan)


def test_each_training_keeps_its_own_environment(database, ledger, made, manifest, plan):
    here = made.environment
    upgraded = replace(here, versions={**here.versions, "torch": "2.6.0+cu124", "cudnn": "90100"})
    elsewhere = replace(upgraded, device="cuda A GPU", machine=replace(here.machine, cores=64))
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    for fold, environment in enumerate((here, elsewhere)):
        outcome = replace(made.outcome(manifest, 0, fold, plan), environment=environment)
        ledger.record(plan, FoldScored(outcome))
    read = ledger.outcomes(plan)
    assert [read[0, fold].environment for fold in range(2)] == [here, elsewhere]
    with database.session() as session:
        [first, second] = session.query(TrainingRow).order_by(TrainingRow.id)
        assert (first.machine, first.device) == (vars(here.machine), "cpu")
        assert (second.device, second.versions["cudnn"]) == ("cuda A GPU", "90100")


def test_history_has_every_trial_with_its_state_and_folds(ledger, made, manifest, plan):
    mean = run_trial(ledger, made, manifest, plan, 0)
    other = {"readout": "pooled", "learning_rate": 0.1, "freeze_depth": 0}
    pruned = made.outcome(manifest, 1, 1, plan)
    ledger.record(plan, TrialStarted(1, other))
    ledger.record(plan, FoldScored(pruned))
    ledger.record(plan, TrialEnded(1, other, True, (pruned.uar,)))
    ledger.record(plan, TrialStarted(2, PARAMETERS))
    ledger.record(plan, LastTrainingStarted(0))
    first, second, third = ledger.history(plan)
    assert (first.state, second.state, third.state) == ("complete", "pruned", "running")
    assert first.mean_uar == mean == pytest.approx(np.mean(list(first.uars.values())))
    assert (second.parameters, second.uars) == (other, {1: pruned.uar})
    assert (third.mean_uar, third.uars) == (None, {})


def test_parameters_keep_every_digit(ledger, made, manifest, plan):
    exact = {
        "readout": "1-3/mean+std",
        "learning_rate": 0.1 + 0.2,
        "freeze_depth": 3,
        "width:time-mask": math.pi / 10,
    }
    ledger.record(plan, TrialStarted(0, exact))
    [trial] = ledger.history(plan)
    assert trial.parameters == exact


def test_a_training_is_recorded_once(ledger, made, manifest, plan):
    run_trial(ledger, made, manifest, plan, 0)
    ledger.record(plan, FoldScored(made.outcome(manifest, 0, 0, plan)))
    with pytest.raises(StorageError):
        ledger.record(plan, FoldScored(made.outcome(manifest, 0, 0, plan, 5.0)))
    assert len(ledger.outcomes(plan)) == 2


def test_studies_do_not_see_each_others_trials(database, ledger, made, manifest, plan, artifacts):
    other = replace(plan, seed=1)
    begin(database, made, manifest, other, artifacts)
    run_trial(ledger, made, manifest, other, 0)
    assert ledger.outcomes(plan) == {}
    assert ledger.history(plan) == []


def test_predictions_belong_to_systems_and_not_to_trainings(database, ledger, made, manifest, plan):
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    with database.session() as session:
        study = session.query(StudyRow).one()
        assert session.query(SystemRow).count() == 2, "the trial's and the study's"
        of_study = session.query(PredictionRow).filter_by(system_id=study.system_id).one()
        assert of_study.split.fold == HOLDOUT
        of_trial = session.query(PredictionRow).filter_by(system_id=study.trials[0].system_id)
        assert sorted(each.split.fold for each in of_trial) == ["0", "1"]


def test_a_study_is_finished_by_its_holdout(database, ledger, made, manifest, plan):
    run_trial(ledger, made, manifest, plan, 0)
    assert entry_within(standings(database, plan), plan) is None
    with database.session() as session:
        assert session.query(StudyRow).one().finished is None
    finish(ledger, made, manifest, plan, 0)
    with database.session() as session:
        assert session.query(StudyRow).one().finished is not None
        holdouts = [t for t in session.query(TrainingRow) if t.split.fold == HOLDOUT]
        assert len(holdouts) == 1


def test_only_one_process_has_the_lease_of_a_study(ledger, plan, database, artifacts):
    with ledger.lease(plan):
        with (
            pytest.raises(SerbenchError) as raised,
            Ledger(database, artifacts).lease(plan),
        ):
            pass
        assert raised.value.facts["study"] == plan.key
        with Ledger(database, artifacts).lease(replace(plan, seed=1)):
            pass
    with ledger.lease(plan):
        pass


def test_a_folder_that_cannot_hold_the_lease_is_named(database, plan, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as raised, Ledger(database, tmp_path / "file").lease(plan):
        pass
    assert raised.value.facts["path"] == tmp_path / "file"


def test_a_network_that_comes_out_otherwise_is_recorded_with_its_own_hash(
    database, ledger, made, manifest, plan, artifacts
):
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    path = artifacts / f"{plan.key}-winner-1.safetensors"
    path.unlink()
    ledger.forget_lost_holdout(plan)
    other = replace(
        made.outcome(manifest, 0, HOLDOUT, plan, 9.0), state={"head.bias": np.ones(6, np.float32)}
    )
    ledger.record(plan, WinnerTested(0, PARAMETERS, other))
    assert not ledger.forget_lost_holdout(plan)
    assert_equal_outcomes(ledger.outcomes(plan)[0, HOLDOUT], other)


def test_folds_recorded_in_another_order_than_judged_have_the_same_mean(database, made, artifacts):
    """A fold that is trained ahead is recorded before those that are judged before it."""
    manifest = made.manifest(takes=7)
    plan = made.plan(manifest, protocol="speaker-3:holdout", trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    folds = [made.outcome(manifest, 0, fold, plan, 0.4 * fold) for fold in range(3)]
    uars = [outcome.uar for outcome in folds]
    assert len({float(np.mean(each)) for each in permutations(uars)}) > 1, "rounding shows"
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    for place in (2, 1, 0):
        ledger.record(plan, FoldScored(folds[place]))
    ended = {TrialEnded(0, PARAMETERS, False, each).mean_uar for each in permutations(uars)}
    assert len(ended) == 1
    ledger.record(plan, TrialEnded(0, PARAMETERS, False, tuple(uars)))
    finish(ledger, made, manifest, plan, 0)
    entry = Systems(database).rank(plan, made.metrics, LINEAGE)
    assert Systems(database).rescore(entry, made.metrics) == []
