"""Jobs in this process and in processes of their own."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from making.scripted import MATERIAL

from serbench.errors import PluginError, SerbenchError, UnknownNameError, UsageError
from serbench.execute.executor import Cancelled, InThisProcess
from serbench.execute.processes import WorkerProcesses


def report(job, bench, line):
    line.tell(f"{job} begins")
    line.tell(f"{job} ends")
    return job, os.getpid()


def fail(job, bench, line):
    raise job


def die(job, bench, line):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(job, bench, line):
    if not job.exists():
        job.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def until_cancelled(job, bench, line):
    job.touch()
    while True:
        line.check()
        time.sleep(0.01)


def interrupts_are_ignored(job, bench, line):
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def blocks_are_kept(job, bench, line):
    """Whether a large block comes from the heap, and not from a map of its own."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    block = libc.malloc(64 << 20)
    maps = Path("/proc/self/maps").read_text().splitlines()
    heap = next(line for line in maps if "[heap]" in line).split()[0].split("-")
    start, end = (int(address, 16) for address in heap)
    return start <= block < end


def is_imported(job, bench, line):
    return job in sys.modules


def digest(job, bench, line):
    material = bench.material(job)
    return material.manifest.hash, int(material.clips.waveforms.astype(np.int64).sum())


def grows(job, bench, line):
    """Hold more memory than loky takes for a leak; gives the process."""
    KEPT.append(np.ones(job << 20, np.uint8))
    return os.getpid()


KEPT = []


@pytest.fixture(scope="module")
def workers():
    with WorkerProcesses(2) as executor:
        yield executor


@pytest.fixture(params=["here", "elsewhere"])
def executor(request):
    return InThisProcess() if request.param == "here" else request.getfixturevalue("workers")


def ignore(message):
    """No message is of interest."""


def result_of(executor, function, job=None, tell=ignore):
    future = executor.submit(function, job, tell)
    executor.wait([future])
    return future.result()


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_function_returns_and_its_messages_arrive(executor):
    messages = []
    number, process = result_of(executor, report, 7, tell=messages.append)
    assert number == 7
    assert (process != os.getpid()) == (executor.slots > 1)
    assert messages == ["7 begins", "7 ends"]


def test_material_reaches_the_functions(executor):
    key = executor.share(MATERIAL)
    assert key == MATERIAL.key
    total = int(MATERIAL.clips.waveforms.astype(np.int64).sum())
    assert result_of(executor, digest, key) == (MATERIAL.manifest.hash, total)


def test_an_error_is_raised_where_the_result_is_asked_for(workers):
    with pytest.raises(ZeroDivisionError) as raised:
        result_of(workers, fail, ZeroDivisionError("by zero"))
    assert "in fail" in "".join(raised.value.__notes__), "its traceback is lost"
    with pytest.raises(UsageError, match="not so"):
        result_of(workers, fail, UsageError("not so"))


def test_an_error_of_serbenchs_own_keeps_its_class_and_words(workers):
    with pytest.raises(UnknownNameError, match="resnet18"):
        result_of(workers, not_found)


def not_found(job, bench, line):
    raise UnknownNameError("backbone", "resnet", ["resnet18"])


class Strange(Exception):  # noqa: N818
    """Can be pickled but not unpickled."""

    def __init__(self, one, two):
        super().__init__(one)


def strange(job, bench, line):
    raise Strange("odd", "number")


def test_an_error_that_cannot_be_sent_keeps_its_words(workers):
    with pytest.raises(RuntimeError, match="Strange in a worker process: odd"):
        result_of(workers, strange)


def test_functions_run_side_by_side_and_processes_are_used_again(workers, tmp_path):
    begun = [tmp_path / "one", tmp_path / "two"]
    futures = [workers.submit(until_cancelled, path, ignore) for path in begun]
    until(lambda: all(path.exists() for path in begun))
    for future in futures:
        workers.cancel(future)
    while waiting := [future for future in futures if not future.done()]:
        workers.wait(waiting)
    for future in futures:
        with pytest.raises(Cancelled):
            future.result()
    processes = {result_of(workers, report, number)[1] for number in range(4)}
    assert len(processes) == 1


def test_a_first_process_is_started_ahead():
    with WorkerProcesses(2) as executor:
        assert len(executor._workers) == 1
        assert result_of(executor, is_imported, "timm")


def test_a_job_cancelled_before_cancels_no_later_one(workers, tmp_path):
    future = workers.submit(until_cancelled, tmp_path / "begun", ignore)
    workers.cancel(future)
    workers.wait([future])
    assert result_of(workers, report, 1)[0] == 1


def test_a_job_whose_process_dies_is_tried_again_once(workers, tmp_path):
    assert result_of(workers, die_once, tmp_path / "died") == "alive"


def test_a_job_that_kills_its_process_twice_is_an_error_and_others_go_on(workers, tmp_path):
    other = workers.submit(until_cancelled, tmp_path / "begun", ignore)
    until((tmp_path / "begun").exists)
    with pytest.raises(SerbenchError) as died:
        result_of(workers, die)
    assert "SIGKILL" in died.value.facts["signal"]
    assert not other.done(), "another job went with it"
    workers.cancel(other)
    workers.wait([other])
    assert result_of(workers, report, 2)[0] == 2


def test_a_process_that_grows_is_kept(workers):
    assert result_of(workers, grows, 400) == result_of(workers, grows, 1)


def test_what_cannot_be_sent_is_an_error(workers):
    with pytest.raises(PluginError):
        workers.submit(report, lambda: None, ignore)
    assert result_of(workers, report, 3)[0] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_workers_keep_what_they_freed_and_leave_interrupts_to_their_parent():
    with WorkerProcesses(1) as fresh:  # its heap is in one piece
        assert result_of(fresh, blocks_are_kept)
        assert result_of(fresh, interrupts_are_ignored)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_the_users_own_process_is_left_as_it_is(workers):
    result_of(workers, report, 1)
    assert not blocks_are_kept(None, None, None)


PARENT = """
import os, pathlib, sys, time
sys.path[:0] = {paths!r}
import test_processes
from serbench.execute.processes import WorkerProcesses

if __name__ == "__main__":
    with WorkerProcesses(1) as executor:
        print(test_processes.result_of(executor, test_processes.report, 1)[1], flush=True)
        executor.submit(test_processes.until_cancelled, pathlib.Path({begun!r}), print)
        time.sleep(600)
"""


def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path):
    begun, script = tmp_path / "begun", tmp_path / "parent.py"
    here = Path(__file__).parent
    paths = [str(here), str(here.parent)]
    script.write_text(PARENT.format(paths=paths, begun=str(begun)))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    until(begun.exists)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_running(worker))


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
