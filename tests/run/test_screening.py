"""What is too slow is left out before anything is searched."""

from dataclasses import replace

import pytest
from making.entries import begin

from serbench.errors import TooSlowError
from serbench.plugins import Plugins
from serbench.run.screening import screen
from serbench.store.datasets import Datasets
from serbench.workspace import Workspace

PLUGINS = Plugins()


@pytest.fixture
def workspace(database, artifacts, tmp_path):
    return Workspace(database.url, tmp_path / "cache", artifacts)


@pytest.fixture
def manifest(database, made):
    small = made.manifest()
    Datasets(database).save_scan(made.scanned(small))
    return small


@pytest.fixture
def jobs(made, monkeypatch):
    """Every measurement that was asked for; each gives p50 3 ms, p90 4 ms, p99 5 ms."""
    asked = []

    def pretended(job):
        asked.append(job)
        return made.latency(threads=job.threads)

    monkeypatch.setattr("serbench.run.screening.measure_latency", pretended)
    return asked


def test_nine_answers_in_ten_have_to_be_in_time(database, workspace, made, manifest, jobs):
    plan = made.plan(manifest)
    screen(plan, PLUGINS, workspace, database, 4.0)
    with pytest.raises(TooSlowError) as refusal:
        screen(plan, PLUGINS, workspace, database, 3.9)
    assert refusal.value.facts == {"backbone": "homebrew", "p90": 4.0, "max_latency_ms": 3.9}


def test_an_untrained_network_is_measured_on_one_thread(database, workspace, made, manifest, jobs):
    plan = made.plan(manifest)
    screen(plan, PLUGINS, workspace, database, 9.0)
    (job,) = jobs
    assert (job.recipe, job.weights, job.threads) == (plan.recipe, None, 1)
    assert job.n_classes == 6


def test_a_study_that_has_begun_is_not_measured_again(
    database, workspace, made, manifest, artifacts, jobs
):
    plan = made.plan(manifest)
    begin(database, made, manifest, plan, artifacts)
    screen(plan, PLUGINS, workspace, database, 1.0)
    assert not jobs
    with pytest.raises(TooSlowError):
        screen(replace(plan, seed=1), PLUGINS, workspace, database, 1.0)


def test_it_measures_for_real(database, workspace, made, manifest, monkeypatch):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm")
    with pytest.raises(TooSlowError) as refusal:
        screen(made.plan(manifest), PLUGINS, workspace, database, 1e-3)
    assert refusal.value.facts["p90"] > 1e-3
