"""Trainings in worker processes, side by side."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Any, Self

from serbench.errors import PluginError, SerbenchError
from serbench.execute.executor import Line, Task, Tell
from serbench.model.allocator import keep_freed_memory
from serbench.plugins import Plugins

TAKES_LONGEST = "serbench.execute.fold"
"""What a process imports before it is asked for anything, for it will need it."""


class WorkerProcesses:
    """Functions in processes of their own, each with glibc's allocator set up for training.

    A process is started when all others are busy, and kept for the next function. Use it as a
    context manager: a first process starts with it, since what it has to import takes seconds in
    which others can read options and prepare clips; at the end all processes are ended, whatever
    they do.
    """

    parallel = True

    def __init__(self) -> None:
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        self._workers.append(_Worker(early=True))
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

    def submit(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        tell: Tell = lambda message: None,
    ) -> Task:
        """Send it to a process that has nothing to do, or to a new one.

        Raises:
            PluginError: the arguments cannot be sent.
        """
        idle = [worker for worker in self._workers if worker.task is None]
        worker = idle[0] if idle else _Worker()
        if not idle:
            self._workers.append(worker)
        return worker.begin(function, arguments, tell)

    def wait(self, tasks: Sequence[Task]) -> None:
        """Pass on what is said, until a task is done.

        Raises:
            SerbenchError: a process died.
        """
        while not any(task.done for task in tasks):
            busy = {worker.connection: worker for worker in self._workers if worker.task}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                if not worker.hear():
                    self._workers.remove(worker)

    def cancel(self, task: Task) -> None:
        """Tell its process to stop at its next step."""
        for worker in self._workers:
            if worker.task is task:
                worker.cancelled.set()


class _Worker:
    """A process, the pipe to it, and what it is doing."""

    def __init__(self, early: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.cancelled = context.Event()
        self.process: SpawnProcess = context.Process(
            target=_serve,
            args=(theirs, self.cancelled, early),
            daemon=True,
            name="serbench-worker",
        )
        self.process.start()
        theirs.close()
        self.task: Task | None = None

    def begin(self, function: Callable[..., Any], arguments: Sequence[Any], tell: Tell) -> Task:
        try:
            # Not by the connection's own pickler: torch teaches it to pass tensors by open files,
            # which do not outlive their process.
            request = pickle.dumps((function, arguments))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise PluginError(
                f"a plugin cannot be sent to a worker process ({error}): register instances of "
                "classes that stand at the top of a module, or train in this process by --jobs 0"
            ) from error
        self.cancelled.clear()
        self.connection.send_bytes(request)
        self.task = Task(tell)
        return self.task

    def hear(self) -> bool:
        """Take one message; False where the process is no more."""
        assert self.task is not None
        try:
            kind, content = pickle.loads(self.connection.recv_bytes())  # noqa: S301 - our own
        except (EOFError, ConnectionResetError):
            self.process.join()
            self.task.finish(error=_died(self.process.exitcode))
            return False
        if kind == "said":
            self.task.tell(content)
            return True
        task, self.task = self.task, None
        if kind == "returned":
            task.finish(content)
        else:
            task.finish(error=content)
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _died(code: int | None) -> SerbenchError:
    why = f"exit code {code}"
    if code is not None and code < 0:
        why = signal.Signals(-code).name
    return SerbenchError(
        f"a training process died ({why}): where memory ran out, --jobs 1 or a smaller "
        "--batch-size needs less; the same command goes on where it stopped"
    )


def _serve(connection: Connection, cancelled: Event, early: bool) -> None:
    """What a worker process does: one function after another, until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who pressed Ctrl-C, the parent finds out
    keep_freed_memory()
    threading.Thread(target=_follow_parent, daemon=True).start()
    importlib.import_module(TAKES_LONGEST)
    if early:
        # Nobody knows yet which backbone it will be, but finding out imports what builds it.
        Plugins().backbones  # noqa: B018
    line = Line(lambda said: _send(connection, "said", said), cancelled.is_set)
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            function, arguments = pickle.loads(request)  # noqa: S301 - from our own parent
            answer: tuple[str, Any] = "returned", function(*arguments, line=line)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            answer = "raised", _portable(error)
        _send(connection, *answer)


def _send(connection: Connection, kind: str, content: Any) -> None:
    connection.send_bytes(pickle.dumps((kind, content)))


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, for the other process; in words if it must be."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - some errors can be sent but not received
        if isinstance(error, SerbenchError):
            return SerbenchError(str(error))
        return RuntimeError(f"{type(error).__name__} in a worker process: {error}")
    return error
