"""The standalone program, and the measurements that it shares with serbench."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serbench.deploy import bench
from serbench.deploy.bench import Amount, Memory, busy_ratio, reference_times, timed
from serbench.deploy.bench_file import write_bench
from serbench.errors import StorageError
from serbench.model.machine import this_machine
from serbench.run.bench_results import Device

IDENTITY = {
    "entry": 1,
    "dataset": "tiny",
    "protocol_id": "speaker-2#01234567",
    "runtime": "onnx",
    "precision": "fp32",
    "weights_sha256": "ab" * 32,
}


@pytest.fixture
def clock(monkeypatch):
    """A clock; ``clock.run(milliseconds)`` is a function that takes so long."""

    class Clock:
        now = 0

        def perf_counter_ns(self):
            return self.now

        def run(self, *milliseconds):
            given = iter(milliseconds)

            def call():
                self.now += int(1e6 * next(given, milliseconds[-1]))

            return call

    made = Clock()
    monkeypatch.setattr(bench, "time", made)
    return made


def test_each_query_is_timed(clock):
    assert timed(clock.run(1, 3, 2), Amount(3, 10.0)) == [1, 3, 2]


@pytest.mark.parametrize(
    ("ms", "queries"), [(1, 100), (20, 100), (40, 50), (1990, 2), (2000, 2), (60_000, 2)]
)
def test_queries_end_at_a_number_or_a_time_but_there_are_never_too_few(clock, ms, queries):
    assert len(timed(clock.run(ms), Amount(100, 2.0, fewest=2))) == queries


def test_queries_that_become_slower_end_in_time(clock):
    assert timed(clock.run(10, 10, 500, 1500, 900), Amount(100, 2.0)) == [10, 10, 500, 1500]


def test_a_machine_is_busy_where_one_in_ten_references_is_slower():
    assert busy_ratio([2.0] * 10) == 1
    assert busy_ratio([2.0] * 95 + [9.0] * 5) == 1
    assert busy_ratio([2.0] * 80 + [3.0] * 20) == 1.5 > bench.BUSY


@pytest.mark.parametrize("threads", [1, 2])
def test_the_reference_task_takes_time(threads):
    times = reference_times(threads)
    assert len(times) == bench.REFERENCE.fewest
    assert min(times) > 0.01


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_peak_of_the_memory_is_measured_from_its_beginning():
    earlier = np.ones(30_000_000)  # 240 MB
    del earlier
    memory = Memory()
    largest = np.ones(10_000_000)  # 80 MB
    del largest
    assert 70 < memory.growth() < 160


def test_the_program_imports_only_what_a_device_has():
    imported = set()
    for node in ast.walk(ast.parse(Path(bench.__file__).read_text())):
        if isinstance(node, ast.Import):
            imported |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {"numpy", "onnxruntime"}


def write_model(path, identity=IDENTITY):
    """A file with the inputs and outputs of an exported network, which is far smaller."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["valid_samples"], ["count"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["waveform", "count"], ["scaled"]),
            helper.make_node("Softmax", ["scaled"], ["probabilities"]),
        ],
        "small",
        [
            helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, 800]),
            helper.make_tensor_value_info("valid_samples", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 800])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if identity is not None:
        helper.set_model_props(model, {"serbench": json.dumps(identity)})
    onnx.save(model, path)


def run_bench(folder, *arguments):
    """Run the program as on a device: without serbench."""
    code = (
        "import runpy, sys; sys.modules['serbench'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(folder / "bench.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_writes_what_it_measured(tmp_path):
    pytest.importorskip("onnxruntime")
    assert write_bench(tmp_path) == tmp_path / "bench.py"
    write_model(tmp_path / "model.onnx")
    ran = run_bench(tmp_path, "model.onnx", "--quick", "--threads", 1, "--out", "r.json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["model"] == IDENTITY
    assert found["quick"]
    assert found["versions"].keys() == {"python", "onnxruntime", "numpy"}
    [result] = found["results"]
    assert (result["threads"], len(result["milliseconds"])) == (1, 100)
    assert min(result["milliseconds"]) > 0
    assert result["load_ms"] > 0
    assert result["file_mb"] == (tmp_path / "model.onnx").stat().st_size / 1e6
    assert result["busy"] >= 1
    _, line, last = ran.stdout.splitlines()
    assert line.split()[0] == "1"
    assert "r.json" in last


@pytest.mark.parametrize("defect", ["missing", "text", "of another tool"])
def test_a_file_that_was_not_exported_here_is_one_line(tmp_path, defect):
    pytest.importorskip("onnxruntime")
    write_bench(tmp_path)
    if defect == "text":
        (tmp_path / "model.onnx").write_text("hello")
    if defect == "of another tool":
        write_model(tmp_path / "model.onnx", identity=None)
    ran = run_bench(tmp_path, "model.onnx")
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert line.startswith("model.onnx ")
    assert not (tmp_path / "result.json").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(StorageError) as failed:
        write_bench(tmp_path / "none")
    assert failed.value.facts["path"] == tmp_path / "none" / "bench.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")
def test_the_machine_is_the_same_as_serbench_itself_finds():
    found = json.loads(json.dumps(bench.machine()))
    assert Device(**found).machine() == this_machine()
