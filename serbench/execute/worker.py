"""The code that runs in a worker process of ``serbench.execute.processes``.

``serbench.execute.ray_worker`` uses parts of it in the processes of a Ray cluster.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from serbench.errors import PluginError
from serbench.execute.executor import Channel, Function, JobContext
from serbench.execute.job import Material
from serbench.model.allocator import keep_freed_memory
from serbench.plugins import Plugins

TAKES_LONGEST = "serbench.execute.fold"
"""Modules that a process imports before its first job, because every job needs them."""


class _Materials(dict[str, Material]):
    """Shared material, read from a folder at its first use."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def __missing__(self, key: str) -> Material:
        self[key] = pickle.loads((self._folder / key).read_bytes())  # noqa: S301 - our own
        return self[key]


class _WorkerState:
    """Plugins and material of a worker process, and its channel to the parent process."""

    def __init__(self, messages: Any, cancelled: Any, folder: str) -> None:
        self.context = JobContext(Plugins(), _Materials(folder))
        self.channel = Channel(messages.put, cancelled.is_set)


_STATES: list[_WorkerState] = []
"""The state of this worker process; loky passes the arguments of its start to no function."""


def begin_worker(messages: Any, cancelled: Any, folder: str, parent: int) -> None:
    """Set a worker process up."""
    from loky import process_executor

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    keep_freed_memory()
    # loky replaces a process that grew by 300 MB, as a leak, but the memory of trainings grows.
    process_executor._MAX_MEMORY_LEAK_SIZE = 1 << 62
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    _STATES.append(_WorkerState(messages, cancelled, folder))


def _follow_parent(parent: int) -> None:
    """End this process when its parent ends, which may already have happened."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def warm_up(job: str, context: JobContext, channel: Channel) -> None:
    """Import the modules that take longest: those of any training, and the backbone ``job``."""
    importlib.import_module(TAKES_LONGEST)
    context.plugins.backbones.get(job)


def run_job(function: Function, job: Any) -> tuple[str, Any]:
    """``returned`` and what a job returns, or ``raised`` and what it raises."""
    [state] = _STATES
    return run_here(function, job, state.context, state.channel)


def run_here(
    function: Function, job: Any, context: JobContext, channel: Channel
) -> tuple[str, Any]:
    """``returned`` and what a job returns, or ``raised`` and what it raises, to be pickled."""
    try:
        return "returned", function(job, context, channel)
    except Exception as error:  # noqa: BLE001 - it is raised when the result is read
        return "raised", _portable(error)


def packed(function: Function, job: Any) -> bytes:
    """A function and its job for another process.

    Raises:
        PluginError: they cannot be sent.
    """
    try:
        return pickle.dumps((function, job))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise PluginError(
            f"a job cannot be sent to a worker process ({error}): use only names and "
            "numbers in it, or train in this process with --executor here"
        ) from error


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, or a RuntimeError if it cannot be pickled."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - some errors can be sent but not received
        return RuntimeError(f"{type(error).__name__} in a worker process: {error}")
    return error
