"""What is too slow is left out before anything is searched."""

from dataclasses import replace

import pytest

from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins
from serbench.run.screening import screen
from serbench.store.latency import LatencyFacts
from serbench.store.studies import Studies

PLUGINS = Plugins()


@pytest.fixture
def jobs(monkeypatch):
    """Every measurement asked for; each says p50 3 ms, p90 4 ms, p99 5 ms."""
    asked = []

    def pretended(job):
        asked.append(job)
        return LatencyFacts("eager", job.threads, 100, 3.0, 4.0, 5.0, 1.0, 1.5, 2.0, 2.5)

    monkeypatch.setattr("serbench.run.screening.measure_latency", pretended)
    return asked


def test_nine_answers_in_ten_have_to_be_in_time(database, plan, jobs):
    assert screen(plan, PLUGINS, database, 4.0) is None
    assert screen(plan, PLUGINS, database, 3.9) == 4.0


def test_an_untrained_network_is_measured_on_one_thread(database, plan, jobs):
    screen(plan, PLUGINS, database, 1.0)
    (job,) = jobs
    assert (job.backbone, job.front_end, job.weights, job.threads) == ("homebrew", "mel", None, 1)
    assert job.n_classes == 6


def test_a_study_that_has_begun_is_not_measured_again(database, plan, jobs):
    Studies(database).begin_study(plan, ComputeSettings(1))
    assert screen(plan, PLUGINS, database, 1.0) is None
    assert not jobs
    assert screen(replace(plan, seed=1), PLUGINS, database, 1.0) == 4.0


def test_it_measures_for_real(database, plan, monkeypatch):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm")
    assert screen(plan, PLUGINS, database, 1e-3) > 1e-3
