"""Functions in this process and in processes of their own."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serbench.errors import PluginError, SerbenchError, UnknownNameError, UsageError
from serbench.execute.executor import Cancelled, InThisProcess
from serbench.execute.processes import WorkerProcesses


def speak(number, line):
    line.tell(f"{number} begins")
    line.tell(f"{number} ends")
    return number, os.getpid()


def fail(kind, line):
    raise kind


def die(line):
    os.kill(os.getpid(), signal.SIGKILL)


def until_cancelled(path, line):
    path.touch()
    while True:
        line.check()
        time.sleep(0.01)


def interrupts_are_ignored(line):
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def blocks_are_kept(line):
    """Whether a large block comes from the heap, and not from a map of its own."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    block = libc.malloc(64 << 20)
    maps = Path("/proc/self/maps").read_text().splitlines()
    heap = next(line for line in maps if "[heap]" in line).split()[0].split("-")
    start, end = (int(address, 16) for address in heap)
    return start <= block < end


def is_imported(name, line):
    return name in sys.modules


@pytest.fixture(scope="module")
def workers():
    with WorkerProcesses() as executor:
        yield executor


@pytest.fixture(params=["here", "elsewhere"])
def executor(request):
    return InThisProcess() if request.param == "here" else request.getfixturevalue("workers")


def result_of(executor, function, *arguments, tell=lambda message: None):
    task = executor.submit(function, arguments, tell)
    executor.wait([task])
    return task.result()


def test_a_function_returns_and_is_heard(executor):
    heard = []
    number, process = result_of(executor, speak, 7, tell=heard.append)
    assert number == 7
    assert (process != os.getpid()) == executor.parallel
    assert heard == ["7 begins", "7 ends"]


def test_an_error_is_raised_where_the_result_is_asked_for(workers):
    with pytest.raises(ZeroDivisionError) as raised:
        result_of(workers, fail, ZeroDivisionError("by zero"))
    assert "in fail" in "".join(raised.value.__notes__), "its traceback is lost"
    with pytest.raises(UsageError, match="not so"):
        result_of(workers, fail, UsageError("not so"))


def test_an_error_that_cannot_be_sent_keeps_its_words(workers):
    with pytest.raises(SerbenchError, match="did you mean resnet18"):
        result_of(workers, not_found)


def not_found(line):
    raise UnknownNameError("backbone", "resnet", ["resnet18"])


def test_functions_run_side_by_side_and_processes_are_used_again(workers, tmp_path):
    begun = [tmp_path / "one", tmp_path / "two"]
    tasks = [workers.submit(until_cancelled, (path,)) for path in begun]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in begun):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for task in tasks:
        workers.cancel(task)
    while waiting := [task for task in tasks if not task.done]:
        workers.wait(waiting)
    for task in tasks:
        with pytest.raises(Cancelled):
            task.result()
    processes = {result_of(workers, speak, number)[1] for number in range(4)}
    assert len(processes) == 1


def test_a_first_process_is_started_ahead_and_used():
    with WorkerProcesses() as executor:
        [worker] = executor._workers
        assert result_of(executor, speak, 5) == (5, worker.process.pid)
        assert result_of(executor, is_imported, "timm")
        assert len(executor._workers) == 1


def test_who_was_cancelled_before_is_not_cancelled_again(workers, tmp_path):
    task = workers.submit(until_cancelled, (tmp_path / "begun",))
    workers.cancel(task)
    workers.wait([task])
    assert result_of(workers, speak, 1)[0] == 1


def test_a_process_that_dies_is_a_sentence_and_the_next_function_finds_another(workers):
    with pytest.raises(SerbenchError, match=r"training process died \(SIGKILL\).*--jobs 1"):
        result_of(workers, die)
    assert result_of(workers, speak, 2)[0] == 2


def test_what_cannot_be_sent_is_a_sentence(workers):
    with pytest.raises(PluginError, match="cannot be sent to a worker process"):
        workers.submit(speak, (lambda: None,))
    assert result_of(workers, speak, 3)[0] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_workers_keep_what_they_freed_and_leave_interrupts_to_their_parent(workers):
    assert result_of(workers, blocks_are_kept)
    assert result_of(workers, interrupts_are_ignored)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_the_users_own_process_is_left_as_it_is(workers):
    result_of(workers, speak, 1)
    assert not blocks_are_kept(None)


PARENT = """
import pathlib, sys, time
sys.path.insert(0, {here!r})
import test_workers
from serbench.execute.processes import WorkerProcesses

if __name__ == "__main__":
    with WorkerProcesses() as executor:
        executor.submit(test_workers.until_cancelled, (pathlib.Path({begun!r}),))
        print(executor._workers[0].process.pid, flush=True)
        time.sleep(600)
"""


def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path):
    begun, script = tmp_path / "begun", tmp_path / "parent.py"
    script.write_text(PARENT.format(here=str(Path(__file__).parent), begun=str(begun)))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    deadline = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while is_running(worker):
        assert time.monotonic() < deadline, "it goes on for nobody"
        time.sleep(0.05)


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
