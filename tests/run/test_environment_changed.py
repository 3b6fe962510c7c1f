"""A study continues only where the same seeds give the same logits."""

from dataclasses import replace

import pytest
from making.entries import begin, run_trial
from making.records import ENVIRONMENT

from serbench.errors import EnvironmentChangedError
from serbench.run.admission import check_environment


@pytest.fixture
def begun(database, made, artifacts):
    """The plan of a nested study of which a trial is recorded, and the ledger."""
    manifest = made.manifest()
    plan = made.plan(manifest, protocol="speaker-2:nested-2")
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    return plan, ledger


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"device": "cuda NVIDIA H100"}, "device"),
        ({"versions": {**ENVIRONMENT.versions, "torch": "9.9.9"}}, "torch"),
        ({"versions": {**ENVIRONMENT.versions, "soxr": "9.9.9"}}, "soxr"),
        ({"machine": replace(ENVIRONMENT.machine, system="Linux aarch64")}, "system"),
    ],
)
@pytest.mark.parametrize("outer_fold", [0, 1])
def test_what_gives_other_logits_is_refused_in_every_outer_fold(begun, change, name, outer_fold):
    plan, ledger = begun
    now = replace(ENVIRONMENT, **change)
    with pytest.raises(EnvironmentChangedError) as refusal:
        check_environment(plan.of_outer_fold(outer_fold), ledger, now)
    assert refusal.value.facts["changes"].keys() == {name}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"versions": {**ENVIRONMENT.versions, "commit": "abc", "optuna": "9.9.9"}},
        {"machine": replace(ENVIRONMENT.machine, cpu="Another processor", cores=64)},
    ],
)
def test_what_changes_no_more_than_the_time_is_not(begun, change):
    plan, ledger = begun
    check_environment(plan, ledger, replace(ENVIRONMENT, **change))


def test_a_study_that_has_not_begun_may_begin_anywhere(begun):
    plan, ledger = begun
    elsewhere = replace(ENVIRONMENT, device="cuda NVIDIA H100")
    check_environment(replace(plan, seed=5), ledger, elsewhere)
