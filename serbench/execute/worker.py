"""What runs in a worker process of ``serbench.execute.processes``."""

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

from serbench.execute.executor import Bench, Function, Line
from serbench.execute.job import Material
from serbench.model.allocator import keep_freed_memory
from serbench.plugins import Plugins

TAKES_LONGEST = "serbench.execute.fold"
"""What a process imports before it is asked for anything, for it will need it."""


class _Materials(dict[str, Material]):
    """Shared material, read from a folder when it is first asked for."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def __missing__(self, key: str) -> Material:
        self[key] = pickle.loads((self._folder / key).read_bytes())  # noqa: S301 - our own
        return self[key]


class _Station:
    """What a worker process has: plugins, material, its line to the parent."""

    def __init__(self, messages: Any, cancelled: Any, folder: str) -> None:
        self.bench = Bench(Plugins(), _Materials(folder))
        self.line = Line(messages.put, cancelled.is_set)


_STATIONS: list[_Station] = []
"""In a worker process its one station; loky gives functions no other way to what began it."""


def begin_worker(messages: Any, cancelled: Any, folder: str, parent: int) -> None:
    """Set a worker process up."""
    from loky import process_executor

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    keep_freed_memory()
    # loky takes a process that grew by 300 MB for leaking and starts another; trainings do grow.
    process_executor._MAX_MEMORY_LEAK_SIZE = 1 << 62
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    _STATIONS.append(_Station(messages, cancelled, folder))


def _follow_parent(parent: int) -> None:
    """End this process with its parent, which may be dead before it is asked for."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def warm_up(job: str, bench: Bench, line: Line) -> None:
    """Import what takes longest: what any training needs, and the backbone of name ``job``."""
    importlib.import_module(TAKES_LONGEST)
    bench.plugins.backbones.get(job)


def run_job(function: Function, job: Any) -> tuple[str, Any]:
    """``returned`` and what a job returns, or ``raised`` and what it raises."""
    [station] = _STATIONS
    try:
        return "returned", function(job, station.bench, station.line)
    except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
        return "raised", _portable(error)


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, for the other process; in words if it must be."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - some errors can be sent but not received
        return RuntimeError(f"{type(error).__name__} in a worker process: {error}")
    return error
