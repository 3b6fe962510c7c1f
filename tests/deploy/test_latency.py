"""How long one answer takes, measured in processes of their own, which get queries in turn."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import ClassVar

import pytest
import torch
from making.planting import plant, planted
from making.scripted import make_search

from serbench.deploy import latency
from serbench.deploy.bench import BUSY, QUICK, ROUNDS, Amount
from serbench.deploy.latency import (
    LatencyJob,
    MeasuringProcess,
    kind_of,
    measure_latencies,
    measure_latency,
    turns,
)
from serbench.deploy.measuring import Measured
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
    made = job("w.safetensors", sha256="ab", file="model.onnx")
    assert LatencyJob.from_dict(json.loads(json.dumps(asdict(made)))) == made


@pytest.mark.parametrize("trained", [True, False])
def test_a_real_measurement_is_positive_and_ordered(tmp_path, trained):
    path, sha256 = tmp_path / "weights.safetensors", None
    if trained:
        sha256 = write_arrays(state_of(untrained_network(RECIPE, Plugins(), 6)), path)
    facts = measure_latency(job(path if trained else None, sha256=sha256))
    assert 0 < facts.p50 <= facts.p90 <= facts.p99 < 10_000
    assert 0 < facts.p50_low <= facts.p50 <= facts.p50_high
    assert 0 < facts.front_end_p50 <= facts.front_end_p90
    assert 0 < facts.network_p50 <= facts.network_p90
    kind = kind_of(Plugins().runtimes.get("eager"), 1, RECIPE.clip_format)
    assert facts.kind == kind
    assert ROUNDS * QUICK.fewest <= facts.runs <= ROUNDS * QUICK.queries
    assert (kind.precision, kind.clip_seconds) == ("fp32", RECIPE.clip_format.seconds)
    assert kind.libraries == {"python": PYTHON, "torch": torch.__version__}
    assert facts.versions == versions()
    assert 0 < facts.load_ms < 60_000
    assert facts.quick
    assert facts.busy >= 1
    assert facts.file_mb is None
    if sys.platform == "linux":
        assert 0 < facts.memory_mb < 10_000


class FileRuntime:
    """A runtime that executes files; ``made`` has the arguments of each preparation."""

    name, identity = "files", MappingProxyType({"precision": "int8", "version": "1"})

    def __init__(self):
        self.made = []

    def prepare(self, network, calibration, threads, file=None):
        self.made.append((threads, file, len(calibration)))

        class Running:
            def __call__(self, recording):
                assert recording.waveform.shape == (1, RECIPE.clip_format.samples)

            def parts(self, recording):
                return {}

        return Running()


def test_a_runtime_that_executes_a_file_gets_it(tmp_path, monkeypatch):
    plugins, runtime = Plugins(), FileRuntime()
    vars(plugins)["runtimes"] = {"files": runtime}
    monkeypatch.setattr("serbench.plugins.Plugins", lambda: plugins)
    (tmp_path / "model").write_bytes(b"converted")
    measured = Measured(job(runtime="files", file=str(tmp_path / "model")))
    assert set(runtime.made) == {(1, b"converted", 0)}
    assert measured.ready["file_mb"] == 9e-6
    assert measured.ready["kind"]["precision"] == "int8"
    found = measured.block(Amount(3, 9.0, fewest=3))
    assert found["times"].keys() == {"whole"}
    assert len(found["times"]["whole"]) == 3


def test_a_runtime_with_a_library_of_its_own_has_its_version_in_the_kind():
    class Other:
        name = "other"
        identity: ClassVar = {"precision": "int8", "version": "1.20.1"}

    kind = kind_of(Other(), 2, RECIPE.clip_format)
    assert (kind.runtime, kind.precision, kind.threads) == ("other", "int8", 2)
    assert kind.libraries == {"python": PYTHON, "torch": torch.__version__, "other": "1.20.1"}


def test_every_second_round_is_reversed():
    assert list(turns(3, 4)) == [0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0]


@pytest.fixture
def pretended(monkeypatch):
    """``pretended.asked``: the runtime of each block, in order.

    A query takes the milliseconds that its runtime is named after; the runtime ``broken`` fails at
    its second block. The reference task takes ``pretended.references[threads]`` milliseconds.
    """

    class Pretended:
        asked: ClassVar = []
        alive: ClassVar = set()
        most = 0
        references: ClassVar = defaultdict(lambda: [1.0, 1.0, 1.0])

    class Process(MeasuringProcess):
        blocks = 0

        def __enter__(self):
            Pretended.alive.add(id(self))
            Pretended.most = max(Pretended.most, len(Pretended.alive))
            return self

        def __exit__(self, *_):
            Pretended.alive.remove(id(self))

        def ask(self, question):
            ms = 1.0 if self._job.runtime == "broken" else float(self._job.runtime)
            if "queries" in question:
                Pretended.asked.append(self._job.runtime)
                question = min(question["queries"], max(2, int(1000 * question["seconds"] / ms)))
                self.blocks += 1
                if self._job.runtime == "broken" and self.blocks == 2:
                    raise SerbenchError("it ended")
                times = {"whole": [ms] * question, "network": [ms / 4] * -(-question // 4)}
                return {"times": times, "energy_mj": 10.0 * question}
            kind = {"runtime": self._job.runtime, "precision": "", "threads": self._job.threads}
            return {
                "kind": {**kind, "clip_seconds": 1.0, "libraries": {}},
                "versions": {},
                "load_ms": 5.0,
                "memory_mb": 6.0,
                "file_mb": None,
            }

    monkeypatch.setattr(latency, "MeasuringProcess", Process)
    monkeypatch.setattr(latency, "SETTLE", 0.0)
    monkeypatch.setattr(latency, "reference_times", lambda threads: Pretended.references[threads])
    return Pretended


def jobs(*runtimes):
    return [job(runtime=runtime) for runtime in runtimes]


def test_processes_get_blocks_in_turn(pretended):
    found = dict(measure_latencies(jobs("1", "2", "4"), quick=True))
    assert pretended.asked == ROUNDS // 2 * [
        "1",
        "2",
        "4",
        "4",
        "2",
        "1",
    ]
    assert [found[place].p50 for place in range(3)] == [1, 2, 4]
    assert [found[place].network_p50 for place in range(3)] == [0.25, 0.5, 1]
    assert found[0].front_end_p50 is None
    assert found[0].energy_mj == 10
    assert (found[0].load_ms, found[0].memory_mb) == (5, 6)


@pytest.mark.parametrize(
    ("ms", "quick", "runs"),
    [
        ("1", False, 1000),
        ("5", False, 1000),
        ("50", False, 200),
        ("5000", False, 20),
        ("1", True, 100),
        ("40", True, 50),
    ],
)
def test_queries_end_at_their_number_or_their_time(pretended, ms, quick, runs):
    [(_, facts)] = measure_latencies(jobs(ms), quick=quick)
    assert facts.runs == runs
    assert facts.quick == quick
    assert (facts.p90_low is None) == (runs < 36)


def test_no_more_processes_exist_than_fit_into_memory(pretended, monkeypatch):
    monkeypatch.setattr(latency, "ALIVE", 2)
    steps = []
    names = ["1", "2", "4", "5", "8"]
    found = list(
        measure_latencies(jobs(*names), True, lambda done, total: steps.append((done, total)))
    )
    assert [place for place, _ in found] == [0, 1, 2, 3, 4]
    assert [facts.kind.runtime for _, facts in found] == names
    assert pretended.most == 2
    assert not pretended.alive
    total = 5 * (ROUNDS + 1)
    assert steps == [(done, total) for done in range(1, total + 1)]


def test_a_process_that_fails_leaves_the_others_alone(pretended):
    found = dict(measure_latencies(jobs("1", "broken", "4"), quick=True))
    assert isinstance(found[1], SerbenchError)
    assert (found[0].p50, found[2].p50) == (1, 4)
    assert pretended.asked.count("broken") == 2


def test_a_busy_machine_is_noticed_for_each_number_of_threads(pretended):
    pretended.references[1] = [1.0, 1.0, 1.1]
    pretended.references[2] = [1.0, 2.0, 3.0]
    one, two = jobs("1", "1")
    found = dict(measure_latencies([one, replace(two, threads=2)], quick=True))
    assert 1 < found[0].busy <= 1.1 < BUSY
    assert found[1].busy == 3


def test_a_process_that_fails_becomes_one_line(tmp_path):
    with pytest.raises(SerbenchError) as failed:
        measure_latency(job(tmp_path / "nowhere.safetensors", sha256="ab"))
    assert (failed.value.facts["backbone"], failed.value.facts["runtime"]) == ("homebrew", "eager")
    assert "nowhere.safetensors" in failed.value.facts["last"]
    assert "\n" not in str(failed.value)


@pytest.fixture
def child(monkeypatch):
    """``child(code)`` replaces the program of the measuring process."""
    started = subprocess.Popen

    def replaced(code):
        def start(command, **options):
            return started([sys.executable, "-c", code], **options)

        monkeypatch.setattr(latency.subprocess, "Popen", start)

    return replaced


@pytest.mark.parametrize(
    "code", ["import os; os.kill(os.getpid(), 9)", "input(); raise SystemExit"]
)
def test_a_process_that_ends_silently_is_reported_too(child, code):
    child(code)
    with pytest.raises(SerbenchError) as failed:
        measure_latency(job("weights"))
    assert failed.value.facts["backbone"] == "homebrew"


def test_the_number_of_threads_is_set_before_the_process_starts(child):
    child(
        "import json, os; input(); "
        "print(json.dumps({name: os.environ.get(name) for name in "
        "('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'PATH')}))"
    )
    with MeasuringProcess(job(threads=3)) as process:
        found = process.start()
    assert found == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "PATH": os.environ["PATH"]}


PRINTING = """
import os
import serbench.deploy.measuring as measuring

class Measured:
    ready = {"ready": True}

    def __init__(self, job):
        print("hello from a plugin", flush=True)
        os.write(1, b"and from its library")

    def block(self, amount):
        print("again", flush=True)
        return {"queries": amount.queries}

measuring.Measured = Measured
measuring.main()
"""


def test_what_a_plugin_prints_does_no_harm(child):
    child(PRINTING)
    with MeasuringProcess(job()) as process:
        assert process.start() == {"ready": True}
        assert process.ask({"queries": 3, "seconds": 1.0}) == {"queries": 3}
    assert process._process.returncode == 0


def test_nothing_in_the_current_folder_is_executed(tmp_path, monkeypatch):
    plant(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert measure_latency(job()).p50 > 0
    assert planted(tmp_path) == []
