"""Start, reuse, death and end of worker processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from making.planting import plant, planted
from worker_jobs import (
    blocks_are_kept,
    die,
    die_once,
    grows,
    ignore,
    ignores_cancellation,
    interrupts_are_ignored,
    is_imported,
    read_beyond,
    report,
    result_of,
    until,
    until_cancelled,
)

from serbench.errors import SerbenchError
from serbench.execute.executor import Cancelled
from serbench.execute.processes import WorkerProcesses


def test_one_process_is_started_in_advance_on_request():
    with WorkerProcesses(2) as executor:
        assert executor._workers == []
        executor.start_ahead("resnet18")
        executor.start_ahead("resnet18")
        assert len(executor._workers) == 1
        assert result_of(executor, is_imported, "timm")


def test_a_cancelled_job_does_not_cancel_a_later_one(workers, tmp_path):
    future = workers.submit(until_cancelled, tmp_path / "begun", ignore)
    workers.cancel(future)
    workers.wait([future])
    assert result_of(workers, report, 1)[0] == 1


def test_waiting_for_some_seconds_ends_before_the_job_does(workers, tmp_path):
    future = workers.submit(until_cancelled, tmp_path / "begun", ignore)
    workers.wait([future], 0.05)
    assert not future.done()
    workers.cancel(future)
    workers.wait([future])


def test_a_job_whose_process_dies_is_run_once_more(workers, tmp_path):
    assert result_of(workers, die_once, tmp_path / "died") == "alive"


def test_a_job_that_kills_its_process_twice_is_an_error_and_others_continue(workers, tmp_path):
    other = workers.submit(until_cancelled, tmp_path / "begun", ignore)
    until((tmp_path / "begun").exists)
    with pytest.raises(SerbenchError) as died:
        result_of(workers, die)
    assert "SIGKILL" in died.value.facts["signal"]
    assert not other.done(), "another job was lost with it"
    workers.cancel(other)
    workers.wait([other])
    assert result_of(workers, report, 2)[0] == 2


def test_a_process_that_died_twice_is_replaced():
    with WorkerProcesses(1) as executor:
        with pytest.raises(SerbenchError):
            result_of(executor, die)
        assert result_of(executor, report, 2)[0] == 2


def test_a_process_that_died_while_idle_is_replaced():
    with WorkerProcesses(1) as executor:
        _, process = result_of(executor, report, 1)
        os.kill(process, signal.SIGKILL)
        until(lambda: executor._workers[0]._pool._flags.broken is not None)
        assert result_of(executor, report, 2)[0] == 2


def test_a_cancelled_job_whose_process_dies_is_not_run_again(workers, tmp_path):
    processes = tmp_path / "processes"
    future = workers.submit(ignores_cancellation, processes, ignore)
    until(lambda: processes.exists() and processes.read_text().endswith("\n"))
    workers.cancel(future)
    os.kill(int(processes.read_text()), signal.SIGKILL)
    workers.wait([future])
    with pytest.raises(Cancelled):
        future.result()
    assert len(processes.read_text().split()) == 1


def test_a_process_that_grows_is_kept(workers):
    assert result_of(workers, grows, 400) == result_of(workers, grows, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_workers_keep_freed_memory_and_ignore_interrupts(workers):
    assert result_of(workers, blocks_are_kept)
    assert result_of(workers, interrupts_are_ignored)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_the_process_of_the_user_is_not_changed(workers):
    result_of(workers, report, 1)
    assert not blocks_are_kept(None, None, None)


TRACKED = """
import sys
sys.path[:0] = {paths!r}
import worker_jobs
from serbench.execute.processes import WorkerProcesses

if __name__ == "__main__":
    with WorkerProcesses(1) as executor:
        print(*worker_jobs.result_of(executor, worker_jobs.report, 1))
"""


def test_nothing_in_the_current_folder_is_executed(tmp_path):
    """In a new parent process, because the process that counts locks is started only once."""
    script, here = tmp_path / "parent.py", Path(__file__).parent
    script.write_text(TRACKED.format(paths=[str(here), str(here.parent)]))
    folder = tmp_path / "current"
    folder.mkdir()
    plant(folder)
    command = [sys.executable, script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert planted(folder) == []
    assert (done.returncode, done.stdout.split()[:1]) == (0, ["1"]), done.stderr


@pytest.mark.skipif(
    sys.platform != "linux", reason="the effect of reading beyond the end of a file"
)
def test_a_file_that_is_cut_while_it_is_mapped_is_explained(workers, tmp_path):
    with pytest.raises(SerbenchError) as died:
        result_of(workers, read_beyond, tmp_path / "cut")
    assert died.value.facts["signal"] == "SIGBUS"
    assert "memory" not in str(died.value)


EARLY = """
import sys, time
from serbench.execute.processes import WorkerProcesses

if __name__ == "__main__":
    with WorkerProcesses(1) as executor:
        executor.start_ahead("homebrew")
        print(*executor._workers[0]._pool._processes, flush=True)
        time.sleep(600)
"""


def test_a_worker_that_is_starting_ends_when_its_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(EARLY)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_running(worker), seconds=30)


PARENT = """
import pathlib, sys, time
sys.path[:0] = {paths!r}
import worker_jobs
from serbench.execute.processes import WorkerProcesses

if __name__ == "__main__":
    with WorkerProcesses(1) as executor:
        print(worker_jobs.result_of(executor, worker_jobs.report, 1)[1], flush=True)
        executor.submit(worker_jobs.until_cancelled, pathlib.Path({begun!r}), print)
        time.sleep(600)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
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
