"""How long one answer takes, measured in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import ClassVar

import pytest
import torch
from making.planting import plant, planted
from making.scripted import make_search

from serbench.deploy import latency
from serbench.deploy.latency import (
    FEWEST_RUNS,
    PATIENCE,
    RUNS,
    LatencyJob,
    kind_of,
    measure_latency,
)
from serbench.deploy.network import untrained_network
from serbench.errors import SerbenchError
from serbench.execute.networks import state_of
from serbench.model.environment import versions
from serbench.plugins import Plugins
from serbench.store.artifacts import write_arrays


@pytest.fixture(autouse=True)
def _without_timm(monkeypatch):
    """The measuring process starts sooner without thousands of backbones."""
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm")


RECIPE = make_search().plan.recipe
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def job(weights=None, **changes):
    facts = {
        "recipe": RECIPE,
        "n_classes": 6,
        "weights": None if weights is None else str(weights),
        "sha256": None,
        "runtime": "eager",
        "threads": 1,
    }
    return LatencyJob(**{**facts, **changes})


def test_a_job_survives_json():
    made = job("w.safetensors", sha256="ab")
    assert LatencyJob.from_dict(json.loads(json.dumps(asdict(made)))) == made


@pytest.mark.parametrize("trained", [True, False])
def test_a_real_measurement_is_positive_and_ordered(tmp_path, trained):
    path, sha256 = tmp_path / "weights.safetensors", None
    if trained:
        sha256 = write_arrays(state_of(untrained_network(RECIPE, Plugins(), 6)), path)
    facts = measure_latency(job(path if trained else None, sha256=sha256))
    assert 0 < facts.p50 <= facts.p90 <= facts.p99 < 10_000
    assert 0 < facts.front_end_p50 <= facts.front_end_p90
    assert 0 < facts.network_p50 <= facts.network_p90
    kind = kind_of(Plugins().runtimes.get("eager"), 1, RECIPE.clip_format)
    assert (facts.kind, facts.runs) == (kind, RUNS)
    assert (kind.precision, kind.clip_seconds) == ("fp32", RECIPE.clip_format.seconds)
    assert kind.libraries == {"python": PYTHON, "torch": torch.__version__}
    assert facts.versions == versions()


def test_a_runtime_with_a_library_of_its_own_has_its_version_in_the_kind():
    class Other:
        name = "other"
        identity: ClassVar = {"precision": "int8", "version": "1.20.1"}

    kind = kind_of(Other(), 2, RECIPE.clip_format)
    assert (kind.runtime, kind.precision, kind.threads) == ("other", "int8", 2)
    assert kind.libraries == {"python": PYTHON, "torch": torch.__version__, "other": "1.20.1"}


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows ``clock.now``; every look at it in nanoseconds takes ``clock.pace``."""

    class Clock:
        now, pace = 0.0, 0.0

        def perf_counter(self):
            return self.now

        def perf_counter_ns(self):
            self.now += self.pace
            return int(1e9 * self.now)

    made = Clock()
    monkeypatch.setattr(latency, "time", made)
    return made


@pytest.mark.parametrize(("pace", "runs"), [(0.001, RUNS), (0.4, 38), (60.0, FEWEST_RUNS)])
def test_slow_answers_are_measured_less_often_but_often_enough(clock, pace, runs):
    clock.pace = pace
    (taken,) = latency._time_in_turn({"whole": lambda: None}).values()
    assert len(taken) == runs
    assert taken == pytest.approx([1000 * pace] * runs)
    assert runs in (RUNS, FEWEST_RUNS) or 2 * pace * (runs - 1) <= PATIENCE < 2 * pace * runs


def test_a_process_that_fails_becomes_one_line(tmp_path):
    with pytest.raises(SerbenchError) as failed:
        measure_latency(job(tmp_path / "nowhere.safetensors", sha256="ab"))
    assert failed.value.facts["backbone"] == "homebrew"
    assert "nowhere.safetensors" in failed.value.facts["last"]
    assert "\n" not in str(failed.value)


@pytest.fixture
def child(monkeypatch):
    """``child(code, out, err)`` replaces the measuring process, and records its call."""

    def stand_in(code, out="", err=""):
        called = {}

        def run(command, **options):
            called.update(options, command=command)
            return subprocess.CompletedProcess(command, code, out, err)

        monkeypatch.setattr(subprocess, "run", run)
        return called

    return stand_in


def test_a_process_that_is_killed_silently_is_reported_too(child):
    child(-9)
    with pytest.raises(SerbenchError) as failed:
        measure_latency(job("weights"))
    assert failed.value.facts["backbone"] == "homebrew"


FACTS = (
    '{"kind": {"runtime": "eager", "precision": "fp32", "threads": 3, "clip_seconds": 1.0, '
    '"libraries": {}}, "runs": 100, "p50": 1, "p90": 2, "p99": 3}'
)


def test_the_number_of_threads_is_set_before_the_process_starts(child):
    called = child(0, FACTS)
    measure_latency(job("weights", threads=3))
    assert called["env"]["OMP_NUM_THREADS"] == called["env"]["MKL_NUM_THREADS"] == "3"
    assert called["env"]["PATH"] == os.environ["PATH"]


def test_what_a_plugin_prints_while_it_loads_does_no_harm(child):
    child(0, f"hello from a plugin\n{FACTS}\n")
    assert measure_latency(job("weights")).p90 == 2


def test_nothing_in_the_current_folder_is_executed(tmp_path, monkeypatch):
    plant(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert measure_latency(job()).p50 > 0
    assert planted(tmp_path) == []
