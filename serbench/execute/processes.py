"""Jobs in worker processes, side by side, on loky.

Each worker is a loky executor of one process: workers start when they are needed, and one that
dies takes no other job with it. Two things are added that loky does not have: messages from a job
while it runs, and the end of a job that is not needed any more.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import tempfile
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

from serbench.errors import PluginError, SerbenchError
from serbench.execute.executor import Cancelled, Function, Tell
from serbench.execute.job import Material
from serbench.execute.worker import begin_worker, run_job, warm_up

ATTEMPTS = 2
"""A job whose worker dies is tried again once: memory may have been short for a moment."""

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""What keeps a Python process from importing what lies in the current folder."""

LOOK_UP = 0.02
"""Seconds between two looks for results while there are no messages."""


class WorkerProcesses:
    """Jobs in processes of their own, each with glibc's allocator set up for training.

    Use it as a context manager: at its end all processes are ended, whatever they do.

    Args:
        slots: jobs at once; as many as this process may use cores by default.
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

    def start_ahead(self, backbone: str) -> None:
        """Start a first process, whose imports take seconds in which clips can be prepared."""
        if not self._workers:
            worker = _Worker(self._folder.name)
            worker.begin(_Task(warm_up, backbone, _ignore))
            self._workers.append(worker)

    def share(self, material: Material) -> str:
        """Write it where workers read it, once each; clips stay where they are mapped from."""
        key = material.key
        path = Path(self._folder.name, key)
        if not path.exists():
            path.write_bytes(pickle.dumps(material))
        return key

    def submit(self, function: Function, job: Any, tell: Tell) -> Future[Any]:
        """Send a job to a process that has nothing to do, or to a new one.

        Raises:
            PluginError: the job cannot be sent.
        """
        try:
            pickle.dumps((function, job))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise PluginError(
                f"a job cannot be sent to a worker process ({error}): let names and numbers alone "
                "stand in it, or train in this process by --jobs 0"
            ) from error
        self._settle()
        task = _Task(function, job, tell)
        place = self._idle()
        try:
            self._workers[place].begin(task)
        except BrokenProcessPool:  # it died while it had nothing to do, or with its last task
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

    def wait(self, futures: Sequence[Future[Any]]) -> None:
        """Pass on messages until a future is done."""
        while not any(future.done() for future in futures):
            busy = [worker.messages for worker in self._workers if worker.task]
            wait([queue._reader for queue in busy], timeout=LOOK_UP)
            self._settle()

    def _settle(self) -> None:
        """Pass on messages and results; begin again what was lost with a worker."""
        for place, worker in enumerate(self._workers):
            lost = worker.settle()
            if lost is not None:
                self._replace(place).begin(lost)

    def cancel(self, future: Future[Any]) -> None:
        """Let its process stop at its next step."""
        for worker in self._workers:
            if worker.task is not None and worker.task.future is future:
                worker.task.cancelled = True
                worker.cancelled.set()


class _Task:
    """A job on its way: what loky promises is not yet what its caller waits for."""

    def __init__(self, function: Function, job: Any, tell: Tell) -> None:
        self.function, self.job, self.tell = function, job, tell
        self.future: Future[Any] = Future()
        self.attempts = 0
        self.cancelled = False


class _Worker:
    """A process, the queue of its messages, and what it is doing."""

    def __init__(self, folder: str) -> None:
        context = get_context("loky")
        with _sheltered():  # locks and workers have processes that count them
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
        self._promised: Future[Any] = Future()

    def begin(self, task: _Task) -> None:
        """Send a task; one that warms the process up is followed by it.

        Raises:
            BrokenProcessPool: the process is dead already.
        """
        self.cancelled.clear()
        with _sheltered():
            self._promised = self._pool.submit(run_job, task.function, task.job)
        task.attempts += 1
        self.task = task

    def settle(self) -> _Task | None:
        """Pass on messages, and the result where it has come; gives a task that was lost."""
        if self.task is None:
            return None
        task, done = self.task, self._promised.done()
        while not self.messages.empty():
            task.tell(self.messages.get())
        if not done:
            return None
        self.task = None
        error = self._promised.exception()
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
            kind, content = self._promised.result()
            if kind == "returned":
                task.future.set_result(content)
            else:
                task.future.set_exception(content)
        return None

    def end(self) -> None:
        """End the process, whatever it does."""
        self._pool.shutdown(wait=True, kill_workers=True)


def _died(error: TerminatedWorkerError) -> SerbenchError:
    named = re.search(r"SIG\w+|EXIT\(\d+\)", str(error))
    why = named[0] if named else "for no reason it gave"
    cause = "where memory ran out, --jobs 1 or a smaller --batch-size needs less"
    if why == "SIGBUS":
        cause = "a file that it had mapped, such as the prepared clips, was cut or its disk failed"
    return SerbenchError(
        f"a training process died twice ({why}): {cause}; the same command goes on where it "
        "stopped",
        signal=why,
    )


@contextmanager
def _sheltered() -> Iterator[None]:
    """Processes that are begun meanwhile import nothing from here and leave Ctrl-C to the parent.

    A signal that is blocked here stays blocked there, so that Ctrl-C ends no process which still
    imports what it needs.
    """
    before = {name: os.environ.get(name) for name in SAFE_PATH}
    os.environ.update(SAFE_PATH)
    posix = hasattr(signal, "pthread_sigmask")
    if posix:
        # It is needed anyhow, and whatever starts it unblocks the signal.
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
    """Warming up has nothing to tell."""
