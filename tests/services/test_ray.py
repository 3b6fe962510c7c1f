"""Trainings as tasks of a real Ray: equal results, deaths of processes and machines, Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from e2e.conftest import recorded
from execute.worker_jobs import (
    array_of,
    blocks_are_kept,
    die,
    die_once,
    digest,
    fail,
    fold_dying_once,
    ignore,
    report,
    result_of,
    strange,
    until,
    until_cancelled,
)
from making.planting import plant, planted
from making.scripted import MATERIAL, here, make_search

from serbench.errors import PluginError, SerbenchError, UnknownNameError
from serbench.execute.executor import Cancelled
from serbench.execute.fold import run_fold
from serbench.execute.ray_cluster import RayCluster
from serbench.model.recipe import Configuration

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore"),  # of Ray and of what it imports
]

TESTS = Path(__file__).parents[1]
STUDY = (
    *("study", "run", "--backbone", "homebrew", "--dataset", "tiny", "--protocol", "speaker-3"),
    *("--trials", "2", "--epochs", "20", "--threads", "1", "--jobs", "2"),
)
SETTINGS = {
    "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": "200000000",
    "RAY_worker_niceness": "0",
    "OMP_NUM_THREADS": "1",
    "SERBENCH_DISABLE_PLUGINS": "timm",
}


@pytest.fixture(scope="module", autouse=True)
def _settings():
    """Settings of all processes of Ray that the tests start."""
    places = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def cluster(_settings):
    with RayCluster() as executor:
        yield executor


def a_fold(**changes):
    search = make_search(epochs=3, **changes)
    return search.job(0, Configuration.from_parameters(search.space.initial()), 0)


def test_a_function_returns_and_its_messages_arrive(cluster):
    messages = []
    number, process = result_of(cluster, report, 7, receive=messages.append)
    assert (number, messages) == (7, ["7 begins", "7 ends"])
    assert process != os.getpid()


def test_material_is_read_from_shared_memory(cluster):
    key = cluster.share(MATERIAL)
    assert result_of(cluster, digest, key) == result_of(here(), digest, key)
    assert result_of(cluster, array_of, key)


def test_a_fold_is_the_same_to_the_last_bit(cluster):
    cluster.share(MATERIAL)
    reports = []
    there = result_of(cluster, run_fold, a_fold(), reports.append)
    at_home = result_of(here(), run_fold, a_fold())
    assert there.logits.tobytes() == at_home.logits.tobytes()
    assert there.losses == at_home.losses == tuple(each.validation.loss for each in reports)
    for name, array in there.state.items():
        assert array.tobytes() == at_home.state[name].tobytes(), name
        assert array.flags.writeable


def test_a_fold_whose_process_dies_is_trained_again(cluster, tmp_path):
    cluster.share(MATERIAL)
    reports = []
    job = (a_fold(), tmp_path / "died")
    there = result_of(cluster, fold_dying_once, job, reports.append)
    assert (tmp_path / "died").exists()
    assert there.logits.tobytes() == result_of(here(), run_fold, a_fold()).logits.tobytes()
    assert [each.validation.loss for each in reports[-3:]] == list(there.losses)


def test_errors_keep_their_class_message_and_traceback(cluster):
    error = UnknownNameError("backbone", "resnet", ["resnet18"])
    with pytest.raises(UnknownNameError) as raised:
        result_of(cluster, fail, error)
    assert (str(raised.value), raised.value.facts) == (str(error), error.facts)
    assert "in fail" in "".join(raised.value.__notes__)
    with pytest.raises(RuntimeError, match="odd"):
        result_of(cluster, strange)


def test_a_job_that_cannot_be_sent_is_an_error(cluster):
    with pytest.raises(PluginError):
        cluster.submit(report, lambda: None, ignore)


def test_a_cancelled_job_ends_at_its_next_step(cluster, tmp_path):
    future = cluster.submit(until_cancelled, tmp_path / "begun", ignore)
    cluster.wait([future], 0.05)
    assert not future.done()
    until((tmp_path / "begun").exists)
    cluster.cancel(future)
    cluster.wait([future], 30)
    with pytest.raises(Cancelled):
        future.result(0)
    assert result_of(cluster, report, 1)[0] == 1, "a later job was cancelled too"


def test_a_job_whose_process_dies_once_is_run_again(cluster, tmp_path):
    assert result_of(cluster, die_once, tmp_path / "died") == "alive"


def test_a_job_whose_process_always_dies_is_an_error(cluster):
    with pytest.raises(SerbenchError) as lost:
        result_of(cluster, die)
    assert lost.value.facts["cause"] == "WorkerCrashedError"
    assert result_of(cluster, report, 2)[0] == 2


def test_the_machine_is_described_and_freed_memory_is_kept(cluster):
    nodes = cluster.nodes()
    assert (nodes.count, nodes.alike, nodes.threads) == (1, True, cluster.slots)
    assert nodes.environment.decides_logits == here().nodes().environment.decides_logits
    assert result_of(cluster, blocks_are_kept)


def test_it_listens_on_this_machine_only(cluster):
    listed = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in listed.splitlines() if re.search(r"raylet|gcs_server", line)]
    assert lines
    assert {line[3].rpartition(":")[0] for line in lines} <= {"127.0.0.1", "[::ffff:127.0.0.1]"}


@dataclass(frozen=True)
class Place:
    """A folder with a database; commands run in processes of their own."""

    folder: Path
    corpus: Path
    cache: Path
    running: list = field(default_factory=list)

    @property
    def db(self):
        return self.folder / "serbench.db"

    def start(self, *command, **environment):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "serbench.cli.main", *command, "--db", str(self.db)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "SERBENCH_CACHE": str(self.cache), **environment},
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def run(self, *command, **environment):
        """The exit code and the text on standard error of a command."""
        process = self.start(*command, **environment)
        _, said = process.communicate(timeout=600)
        return process.returncode, said

    def scanned(self):
        assert self.run("corpus", "scan", str(self.corpus), "--dataset", "tiny")[0] == 0
        return self

    def end(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def place_in(tmp_path_factory, make_corpus, _settings):
    folder = tmp_path_factory.mktemp("ray")
    make_corpus(folder / "tiny")
    places = []

    def new(name):
        (folder / name).mkdir()
        places.append(Place(folder / name, folder / "tiny", folder / "cache").scanned())
        return places[-1]

    yield new
    for place in places:
        place.end()


@pytest.fixture(scope="module")
def undisturbed(place_in):
    """The results of the study in one process, without an interruption."""
    place = place_in("undisturbed")
    code, said = place.run(*STUDY, "--executor", "here")
    assert code == 0, said
    return recorded(place.db)


@pytest.fixture
def place(place_in, request):
    return place_in(re.sub(r"\W", "-", request.node.name))


def processes():
    """Number of the process → its parent and its title, of all processes."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            title = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if status[0] != "Z":
            found[int(folder.name)] = int(status[1]), title
    return found


def below(ancestor):
    """Number of the process → its title, of all descendants of a process."""
    every, found = processes(), {}
    for process, (_, title) in every.items():
        above = process
        while above in every and above != ancestor:
            above = every[above][0]
        if above == ancestor and process != ancestor:
            found[process] = title
    return found


def tasks(of):
    return [number for number, title in below(of).items() if title.startswith("ray::run_task")]


def wait_for(process, pattern):
    """Read standard error until a line matches."""
    said = ""
    for line in process.stderr:
        said += line
        if re.match(pattern, line):
            return
    pytest.fail(f"'{pattern}' was never written, but:\n{said}")


def test_a_study_has_the_same_results_as_in_one_process(place, undisturbed):
    plant(place.folder)
    code, said = place.run(*STUDY, "--executor", "ray")
    assert code == 0, said
    assert recorded(place.db) == undisturbed
    assert planted(place.folder) == [], "a module of the current folder was executed"


def test_killed_processes_change_no_result(place, undisturbed):
    process = place.start(*STUDY, "--executor", "ray")
    wait_for(process, "trial 1/2 fold 1/3")
    killed = 0
    while process.poll() is None and killed < 3:
        for number in tasks(process.pid)[:1]:
            os.kill(number, signal.SIGKILL)
            killed += 1
            time.sleep(1)
        time.sleep(0.05)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert killed >= 2
    assert recorded(place.db) == undisturbed


@pytest.fixture
def two_machines():
    """A cluster of two machines, which are pretended on this one."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 200_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=size)
    del size["include_dashboard"]
    second = cluster.add_node(**size)
    cluster.wait_for_nodes()
    yield cluster, second
    cluster.shutdown()


def raylet_of(node):
    [started] = node.all_processes["raylet"]
    return started.process.pid


def test_the_death_of_a_machine_changes_no_result(place, undisturbed, two_machines):
    cluster, second = two_machines
    process = place.start(*STUDY, "--executor", "ray", "--address", cluster.address)
    wait_for(process, "trial 1/2 fold 1/3")
    until(lambda: tasks(raylet_of(second)), seconds=120)
    cluster.remove_node(second, allow_graceful=False)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert recorded(place.db) == undisturbed


@pytest.mark.xfail(strict=False, reason="one of six runs ended with 1 instead of 130: not mended")
def test_ctrl_c_leaves_no_task_in_a_cluster(place, undisturbed, two_machines):
    cluster, second = two_machines
    process = place.start(*STUDY, "--executor", "ray", "--address", cluster.address)
    wait_for(process, "trial 1/2 fold 1/3")
    raylets = [raylet_of(node) for node in (cluster.head_node, second)]
    until(lambda: any(map(tasks, raylets)))
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 130, said
    until(lambda: not any(map(tasks, raylets)), seconds=120)


def test_ctrl_c_ends_all_processes_and_the_study_can_be_continued(place, undisturbed):
    process = place.start(*STUDY, "--executor", "ray")
    wait_for(process, "trial 1/2 fold 1/3")
    until(lambda: tasks(process.pid))
    started = below(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=180)
    assert process.returncode == 130
    until(lambda: not started.keys() & processes().keys(), seconds=120)
    code, said = place.run(*STUDY, "--executor", "ray")
    assert code == 0, said
    assert recorded(place.db) == undisturbed


def test_an_address_without_a_cluster_is_refused_at_once(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    started = time.monotonic()
    code, said = place.run(*STUDY, "--executor", "ray", "--address", f"127.0.0.1:{free}")
    assert code == 2, said
    assert f"127.0.0.1:{free}" in said.splitlines()[-1]
    assert time.monotonic() - started < 60


def test_a_cluster_of_unlike_machines_is_refused(cluster, monkeypatch):
    first = cluster.nodes().environment
    other = replace(first, versions={**first.versions, "torch": "9.9.9"})
    monkeypatch.delitem(vars(cluster), "_nodes")
    monkeypatch.setattr(cluster, "_described", cluster._ray.put([first, other]))
    with pytest.raises(SerbenchError) as refusal:
        cluster.nodes()
    assert refusal.value.facts["differing"] == ("torch",)


def test_the_benchmark_runs(tmp_path):
    program = TESTS.parent / "benchmarks" / "executors.py"
    ran = subprocess.run(
        [sys.executable, program, "--quick"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "SERBENCH_CACHE": str(tmp_path / "cache")},
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["benchmark"] == "executors"
    assert len(found["findings"]) == 4
