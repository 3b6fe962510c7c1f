"""Copies of studies for Optuna."""

import optuna
import pytest
from making.entries import PARAMETERS, begin, run_trial
from optuna.trial import TrialState

from serbench.errors import UsageError
from serbench.search.events import FoldScored, TrialEnded, TrialStarted
from serbench.views.dashboard import dashboard_server, export_studies


@pytest.fixture
def recorded(database, made, artifacts):
    """A study with a trial in each state; gives its plan and its manifest."""
    manifest = made.manifest()
    plan = made.plan(manifest, trials=5)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    for number in range(1, 4):
        ledger.record(plan, TrialStarted(number, PARAMETERS))
    outcome = made.outcome(manifest, 1, 1, plan)
    ledger.record(plan, FoldScored(outcome))
    ledger.record(plan, TrialEnded(1, PARAMETERS, True, (outcome.uar,)))
    ledger.record(plan, TrialEnded(2, PARAMETERS, False, (), failure="its loss is NaN"))
    return plan, manifest


def test_the_exported_storage_has_the_recorded_trials(database, recorded, made, tmp_path):
    plan, manifest = recorded
    [view] = export_studies(database, (), tmp_path / "copy.db")
    [summary] = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 'copy.db'}")
    copy = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{tmp_path}/copy.db")
    assert copy.direction.name == "MAXIMIZE"
    assert copy.user_attrs["front_end"] == view.front_end
    states = [trial.state for trial in copy.trials]
    assert states == [
        *(TrialState.COMPLETE, TrialState.PRUNED),
        TrialState.FAIL,
        TrialState.RUNNING,
    ]
    first, pruned, failed, _ = copy.trials
    uars = {fold + 1: made.outcome(manifest, 0, fold, plan).uar for fold in range(2)}
    assert first.value == pytest.approx(sum(uars.values()) / 2)
    assert first.intermediate_values == pytest.approx(uars)
    assert first.params == PARAMETERS
    assert first.distributions["learning_rate"].log
    assert list(pruned.intermediate_values) == [2]
    assert failed.user_attrs["failure"] == "its loss is NaN"


def test_a_file_that_exists_is_kept(database, recorded, tmp_path):
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(UsageError):
        export_studies(database, (), tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


@pytest.mark.parametrize("file", ["copy.db", "none/copy.db"])
def test_nothing_is_left_of_an_export_that_fails(database, recorded, tmp_path, file):
    with pytest.raises(UsageError):
        export_studies(database, (7,), tmp_path / file)
    assert not (tmp_path / file).exists()


def test_a_port_that_is_taken_is_a_usage_error():
    storage = optuna.storages.InMemoryStorage()
    with dashboard_server(storage, "127.0.0.1", 0) as server, pytest.raises(UsageError):
        dashboard_server(storage, "127.0.0.1", server.server_port)
