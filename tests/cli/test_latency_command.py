"""``serbench latency``: entries in several runtimes, and results of other machines."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from making.planting import plant, planted
from making.records import latency as made_latency
from refusals import error_of

from serbench.errors import ExportError, MissingPackageError, SerbenchError
from serbench.model.machine import this_machine
from serbench.plugins import Plugins
from serbench.run import latency as run_latency
from serbench.store.schema_machines import LatencyRow
from serbench.store.systems import Systems

pytestmark = pytest.mark.usefixtures("without_timm")


@pytest.fixture
def database(finished, copied):
    """The finished study without latencies, where ``run`` looks."""
    found = copied(finished)
    with found.session() as session:
        session.query(LatencyRow).delete()
    return found


def stored(database):
    with database.session() as session:
        return {
            (row.kind["runtime"], row.kind["threads"], row.quick)
            for row in session.query(LatencyRow)
        }


def test_a_real_measurement_is_printed_and_stored(run, database, tmp_path):
    plant(tmp_path)
    ran = run("latency", 1, "--runtime", "eager", "--threads", 1, "--quick", "--format", "json")
    assert ran.code == 0, ran.err
    [found] = json.loads(ran.out)
    assert (found["entry"], found["backbone"]) == (1, "homebrew")
    assert (found["runtime"], found["threads"], found["quick"]) == ("eager", 1, True)
    assert 0 < found["p50_low"] <= found["p50"] <= found["p50_high"]
    assert found["front_end_p50"] > 0
    assert found["machine_id"] == this_machine().fingerprint
    assert stored(database) == {("eager", 1, True)}
    assert planted(tmp_path) == []


@dataclass(frozen=True)
class Invented:
    """A runtime that gives PyTorch's logits, and whose time is not measured."""

    name: str
    precision: str = "fp32"
    missing: bool = False
    refuses: bool = False
    file: bytes | None = None
    changes_logits: bool = False
    makes_files: bool = True

    @property
    def identity(self):
        if self.missing:
            raise MissingPackageError("pip install it", package="it")
        return {"precision": self.precision, "version": "1.0"}

    def prepare(self, network, calibration, threads, file=None):
        if self.refuses:
            raise ExportError("it is too odd", reason="odd")
        invented = self

        class Prepared:
            file = invented.file

            def __call__(self, recording):
                with torch.inference_mode():
                    return network(*recording).logits.numpy()

        return Prepared()


RUNTIMES = {
    each.name: each
    for each in (
        Invented("eager", makes_files=False),
        Invented("small", "int8", file=b"converted"),
        Invented("absent", missing=True),
        Invented("strict", refuses=True),
    )
}


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that are measured, in invented runtimes."""

    class Jobs(list):
        quick = None

    asked = Jobs()

    class Registry:
        get = staticmethod(RUNTIMES.__getitem__)

        def __iter__(self):
            return iter(RUNTIMES.values())

    monkeypatch.setattr(Plugins, "runtimes", Registry())

    def measure(jobs, quick, progress):
        asked.extend(jobs)
        asked.quick = quick
        for place, job in enumerate(jobs):
            if job.file is not None:
                asked[place] = replace(job, file=Path(job.file).read_bytes())
            progress(place + 1, len(jobs))
            kind = {"runtime": job.runtime, "threads": job.threads}
            yield place, made_latency(**kind, p50=2.0 / job.threads, quick=quick, busy=1.5)

    monkeypatch.setattr(run_latency, "measure_latencies", measure)
    return asked


def test_every_usable_runtime_is_measured_on_one_and_all_cores(run, database, jobs, monkeypatch):
    four = replace(this_machine(), cores=4)
    monkeypatch.setattr(run_latency, "this_machine", lambda: four)
    ran = run("latency", 1)
    assert ran.code == 0, ran.err
    found = [(job.runtime, job.threads, job.file) for job in jobs]
    assert found == [
        ("eager", 1, None),
        ("small", 1, b"converted"),
        ("eager", 4, None),
        ("small", 4, b"converted"),
    ]
    assert jobs.quick is False
    assert stored(database) == {(job.runtime, job.threads, False) for job in jobs}
    left_out = [line for line in ran.err.splitlines() if "left out" in line]
    assert ["absent" in line for line in left_out] == [True, False]
    assert ["strict" in line for line in left_out] == [False, True]
    title, heading, *rows = ran.out.splitlines()
    assert title.startswith(four.name)
    assert [row.split()[2] for row in rows] == ["eager", "small", "eager", "small"]
    assert all(row.endswith("busy machine") for row in rows)
    assert heading.split()[2] == "runtime"
    assert [row.split()[5] for row in rows] == ["2.00", "2.00", "0.50", "0.50"]


def test_options_choose_runtimes_threads_and_queries(run, database, jobs):
    options = ("--runtime", "small", "--threads", 1, "--threads", 1, "--quick")
    for command in (("latency", 1, 1, *options), ("latency", "measure", *options, 1)):
        jobs.clear()
        ran = run(*command)
        assert ran.code == 0, ran.err
        assert [(job.runtime, job.threads) for job in jobs] == [("small", 1)]
        assert jobs.quick is True
    assert stored(database) == {("small", 1, True)}


def test_all_entries_with_a_network_are_measured(run, database, jobs, monkeypatch):
    monkeypatch.setattr(Systems, "numbers", lambda _: [1, 7])
    ran = run("latency", "--all", "--runtime", "eager", "--threads", 1)
    assert ran.code == 0, ran.err
    assert len(jobs) == 1
    assert "entry 7" in ran.err


def test_a_named_runtime_must_be_usable(run, database, jobs):
    assert run("latency", 1, "--runtime", "absent").code == MissingPackageError.exit_code
    assert run("latency", 1, "--runtime", "strict").code == ExportError.exit_code
    assert not jobs


@pytest.mark.parametrize(
    "arguments", [(), (1, "--all"), (9,), (1, "--threads", 0), (1, "--threads", 10_000)]
)
def test_what_cannot_be_measured_is_wrong_usage(run, database, jobs, arguments):
    error_of(run("latency", *arguments), 2)
    assert not jobs


def test_an_entry_is_a_number(run):
    assert run("latency", "homebrew").code == 2


def test_lost_weights_are_one_line(run, database, jobs, tmp_path):
    for path in (tmp_path / "serbench-artifacts").glob("*.safetensors"):
        path.unlink()
    assert "reproduce 1" in error_of(run("latency", 1), 1)
    assert run("latency", "--all").code == 2


def test_a_measurement_that_fails_is_named(run, database, jobs, monkeypatch):
    def measure(asked, quick, progress):
        yield 0, SerbenchError("it ended")

    monkeypatch.setattr(run_latency, "measure_latencies", measure)
    ran = run("latency", 1, "--runtime", "eager", "--threads", 1)
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "error: it ended"
    assert stored(database) == set()


def test_help_shows_both_commands(run):
    group, measure = run("latency", "--help"), run("latency", 1, "--help")
    assert group.code == measure.code == 0
    assert "import" in group.out
    assert "--quick" in measure.out


def test_an_entry_shows_its_latencies(run, database, made):
    Systems(database).save_latency(1, made.machine, made.latency(p50=1.25, memory_mb=12.5))
    shown = run("leaderboard", "show", 1)
    assert shown.code == 0, shown.err
    [row] = [line for line in shown.out.splitlines() if " 1.25 " in line]
    assert " 12.5 " in row


@pytest.fixture
def result(database, tmp_path):
    """A result of bench.py for the entry, as plain data."""
    return {
        "model": {
            "entry": 1,
            "dataset": "tiny",
            "protocol_id": "speaker-2:holdout#1",
            "runtime": "onnx",
            "precision": "fp32",
            "weights_sha256": Systems(database).record(1).sha256,
        },
        "machine": {
            "processor": "aarch64",
            "cores": 4,
            "system": "Linux aarch64",
            "files": {
                "proc/cpuinfo": "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd08\n\n"
                "Model : Raspberry Pi 4 Model B Rev 1.4\n",
                "proc/meminfo": "MemTotal:        7998784 kB\n",
                "../escaped": "x",
            },
        },
        "versions": {"python": "3.12.4", "onnxruntime": "1.20.1", "numpy": "2.1.0"},
        "quick": False,
        "results": [
            {
                "threads": threads,
                "milliseconds": [float(each) / threads for each in range(1, 102)],
                "load_ms": 12.0,
                "memory_mb": 30.5,
                "file_mb": 1.5,
                "busy": 1.02,
            }
            for threads in (1, 4)
        ],
    }


def test_the_latency_of_a_device_is_added_to_its_entry(run, database, result, tmp_path):
    result["model"]["entry"] = 12  # it had another number where it was exported
    (tmp_path / "r.json").write_text(json.dumps(result))
    ran = run("latency", "import", "r.json", "--format", "json")
    assert ran.code == 0, ran.err
    one, four = json.loads(ran.out)
    assert (one["entry"], one["threads"], four["threads"]) == (1, 1, 4)
    assert (one["p50"], one["p90"], one["runs"]) == (51, 91, 101)
    assert one["p50_low"] < 51 < one["p50_high"]
    assert (one["runtime"], one["precision"], one["clip_seconds"]) == ("onnx", "fp32", 0.5)
    assert one["libraries"] == "python 3.12, onnx 1.20.1"
    assert one["machine"].startswith("Raspberry Pi 4 Model B Rev 1.4 (Cortex-A72), 4 cores, 8 GiB")
    assert "Linux aarch64" in one["machine"]
    assert (one["load_ms"], one["memory_mb"], one["file_mb"]) == (12, 30.5, 1.5)
    assert (one["busy"], one["quick"], one["energy_mj"]) == (1.02, False, None)
    assert run("latency", "import", "r.json").out.count("Raspberry") == 1
    assert len(stored(database)) == 2
    assert not (tmp_path.parent / "escaped").exists()


def test_the_name_of_a_machine_cannot_control_the_terminal(run, database, result, tmp_path):
    result["machine"] |= {"processor": "a\x1b[2Jb\x00", "files": {}}
    (tmp_path / "r.json").write_text(json.dumps(result))
    ran = run("latency", "import", "r.json", "--format", "json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)[0]["machine"].startswith("a[2Jb, 4 cores")


def without(result, *path):
    *above, last = path
    for name in above:
        result = result[name]
    del result[last]


def wrong(*path, value):
    def change(result):
        *above, last = path
        for name in above:
            result = result[name]
        result[last] = value

    return change


NAN = float("nan")
DEFECTS = {
    "no identity": lambda result: without(result, "model"),
    "no times": lambda result: without(result, "results", 0, "milliseconds"),
    "no result": wrong("results", value=[]),
    "NaN": wrong("results", 0, "milliseconds", 3, value=NAN),
    "infinite": wrong("results", 1, "load_ms", value=float("inf")),
    "negative": wrong("results", 0, "milliseconds", 3, value=-1.0),
    "zero threads": wrong("results", 0, "threads", value=0),
    "text": wrong("results", 0, "file_mb", value="1.5"),
    "other weights": wrong("model", "weights_sha256", value="ab" * 32),
    "a version that is none": wrong("versions", "python", value="3.12\x00"),
    "too many threads": wrong("results", 0, "threads", value=10**30),
    "a list": None,
    "truncated": None,
    "empty": None,
    "binary": None,
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_result_that_cannot_be_used_is_one_line(run, database, result, tmp_path, defect):
    change = DEFECTS[defect]
    if change:
        change(result)
    text = json.dumps(result)
    content = {
        "a list": b"[1]",
        "truncated": text[: len(text) // 2].encode(),
        "empty": b"",
        "binary": bytes(range(256)),
    }.get(defect, text.encode())
    (tmp_path / "r.json").write_bytes(content)
    assert error_of(run("latency", "import", "r.json"), 2).startswith("r.json ")
    assert stored(database) == set()


@pytest.mark.parametrize("name", ["none.json", "."])
def test_a_result_that_cannot_be_read_is_one_line(run, database, name):
    assert error_of(run("latency", "import", name), 2).startswith(f"{name} ")
