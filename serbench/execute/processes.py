"""Jobs in parallel worker processes, with loky.

Each worker is a loky executor of one process: workers start when they are needed, and a worker that
dies does not affect the jobs of others. This module adds what loky does not have: messages from a
running job, and the cancellation of a running job.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import loky
from loky.backend import get_context
from loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from serbench.errors import SerbenchError
from serbench.execute.executor import Cancelled, Function, Nodes, Receive, this_node
from serbench.execute.job import Material
from serbench.execute.worker import begin_worker, packed, run_job, warm_up

ATTEMPTS = 2
"""A job whose worker died is run once more, because memory may have been short for a time only."""

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Environment variable that keeps Python from importing modules of the current folder."""

LOOK_UP = 0.02
"""Seconds between two checks for results while there are no messages."""


class WorkerProcesses:
    """Runs jobs in worker processes whose glibc allocator is set up for training.

    Use it as a context manager. At the end all processes are terminated, also those that are
    running a job.

    Args:
        slots: number of jobs at the same time; by default the number of cores that this process may
            use.
    """

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or loky.cpu_count()
        self._folder = tempfile.TemporaryDirectory(prefix="serbench-")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._folder.cleanup()

    def nodes(self) -> Nodes:
        """The machine of this process alone."""
        return this_node()

    def start_ahead(self, backbone: str) -> None:
        """Start a first process, whose imports take seconds in which clips can be prepared."""
        if not self._workers:
            worker = _Worker(self._folder.name)
            worker.begin(_Task(warm_up, backbone, _ignore))
            self._workers.append(worker)

    def share(self, material: Material) -> str:
        """Write it to a file for the workers; mapped clips remain in their file."""
        key = material.key
        path = Path(self._folder.name, key)
        if not path.exists():
            path.write_bytes(pickle.dumps(material))
        return key

    def submit(self, function: Function, job: Any, receive: Receive) -> Future[Any]:
        """Send a job to an idle process, or to a new one.

        Raises:
            PluginError: the job cannot be sent.
        """
        packed(function, job)
        self._collect()
        task = _Task(function, job, receive)
        place = self._idle()
        try:
            self._workers[place].begin(task)
        except BrokenProcessPool:  # it died while it was idle, or with its last task
            self._replace(place).begin(task)
        return task.future

    def _idle(self) -> int:
        for place, worker in enumerate(self._workers):
            if worker.task is None or worker.task.function is warm_up:
                return place
        self._workers.append(_Worker(self._folder.name))
        return len(self._workers) - 1

    def _replace(self, place: int) -> _Worker:
        self._workers[place].end()
        self._workers[place] = _Worker(self._folder.name)
        return self._workers[place]

    def wait(self, futures: Sequence[Future[Any]], seconds: float | None = None) -> None:
        """Pass on messages until a future is done, or for so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while not any(future.done() for future in futures):
            if end is not None and time.monotonic() >= end:
                return
            busy = [worker.messages for worker in self._workers if worker.task]
            wait([queue._reader for queue in busy], timeout=LOOK_UP)
            self._collect()

    def _collect(self) -> None:
        """Pass on messages and results; start the jobs of dead workers again."""
        for place, worker in enumerate(self._workers):
            lost = worker.collect()
            if lost is not None:
                self._replace(place).begin(lost)

    def cancel(self, future: Future[Any]) -> None:
        """Stop the job at its next step."""
        for worker in self._workers:
            if worker.task is not None and worker.task.future is future:
                worker.task.cancelled = True
                worker.cancelled.set()


class _Task:
    """A submitted job, with the future that the caller waits for; loky's future is another one."""

    def __init__(self, function: Function, job: Any, receive: Receive) -> None:
        self.function, self.job, self.receive = function, job, receive
        self.future: Future[Any] = Future()
        self.attempts = 0
        self.cancelled = False


class _Worker:
    """A process, the queue of its messages, and its present task."""

    def __init__(self, folder: str) -> None:
        context = get_context("loky")
        with _isolated():  # locks and workers start helper processes that count them
            self.messages = context.SimpleQueue()
            self.cancelled = context.Event()
        self._pool = loky.ProcessPoolExecutor(
            1,
            context=context,
            initializer=begin_worker,
            initargs=(self.messages, self.cancelled, folder, os.getpid()),
            env=SAFE_PATH,
        )
        self.task: _Task | None = None
        self._running: Future[Any] = Future()

    def begin(self, task: _Task) -> None:
        """Send a task, which runs after the warm-up if that is still running.

        Raises:
            BrokenProcessPool: the process has died.
        """
        self.cancelled.clear()
        with _isolated():
            self._running = self._pool.submit(run_job, task.function, task.job)
        task.attempts += 1
        self.task = task

    def collect(self) -> _Task | None:
        """Pass on messages, and the result if it has arrived; returns a task that was lost."""
        if self.task is None:
            return None
        task, done = self.task, self._running.done()
        while not self.messages.empty():
            task.receive(self.messages.get())
        if not done:
            return None
        self.task = None
        error = self._running.exception()
        if isinstance(error, TerminatedWorkerError):
            if task.cancelled:
                task.future.set_exception(Cancelled())
            elif task.attempts < ATTEMPTS:
                return task
            else:
                task.future.set_exception(_died(error))
        elif error is not None:
            task.future.set_exception(error)
        else:
            kind, content = self._running.result()
            if kind == "returned":
                task.future.set_result(content)
            else:
                task.future.set_exception(content)
        return None

    def end(self) -> None:
        """Terminate the process, also while it runs a job."""
        self._pool.shutdown(wait=True, kill_workers=True)


def _died(error: TerminatedWorkerError) -> SerbenchError:
    named = re.search(r"SIG\w+|EXIT\(\d+\)", str(error))
    why = named[0] if named else "no reason is known"
    cause = "where memory ran out, --jobs 1 or a smaller --batch-size needs less"
    if why == "SIGBUS":
        cause = "a file that it had mapped, such as the prepared clips, was cut or its disk failed"
    return SerbenchError(
        f"a training process died twice ({why}): {cause}; the same command continues where it "
        "stopped",
        signal=why,
    )


@contextmanager
def _isolated() -> Iterator[None]:
    """Start processes that import nothing from the current folder and ignore Ctrl-C at first.

    A signal that is blocked here is also blocked in the new process, so that Ctrl-C does not end a
    process that is still importing modules.
    """
    before = {name: os.environ.get(name) for name in SAFE_PATH}
    os.environ.update(SAFE_PATH)
    posix = hasattr(signal, "pthread_sigmask")
    if posix:
        # loky needs this process, and its start unblocks the signal: start it before.
        resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if posix else set()
    try:
        yield
    finally:
        if posix:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ignore(_: object) -> None:
    """Discard the messages of warming up."""
