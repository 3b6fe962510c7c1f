"""Executors: where jobs run, and how one waits for them.

An executor computes and returns plain data; it has no study and no database. Here is the one that
needs no other process; ``serbench.execute.processes`` has the one that is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from serbench.execute.job import Material
from serbench.plugins import Plugins

Tell = Callable[[Any], None]
"""Takes the messages of a job while it runs."""


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The result is not needed any more."""


class Line:
    """The connection from a job to whoever waits for it."""

    def __init__(self, tell: Tell, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._tell = tell
        self._cancelled = cancelled

    def tell(self, message: object) -> None:
        """Send a message."""
        self._tell(message)

    def check(self) -> None:
        """Stop here where the result is not needed any more.

        Raises:
            Cancelled: it is not.
        """
        if self._cancelled():
            raise Cancelled


SILENT = Line(lambda message: None)
"""A connection that nobody listens to."""


class Bench:
    """What a job finds where it runs: the plugins, and the material that jobs share."""

    def __init__(self, plugins: Plugins, materials: Mapping[str, Material]) -> None:
        self.plugins = plugins
        self._materials = materials

    def material(self, key: str) -> Material:
        """The material that was shared under this key."""
        return self._materials[key]


Function = Callable[[Any, Bench, Line], Any]
"""A function at the top of a module: job, bench and line → plain data."""


class Executor(Protocol):
    """Runs functions of plain data."""

    @property
    def slots(self) -> int:
        """How many jobs can run at once."""

    def start_ahead(self, backbone: str) -> None:
        """Begin to import what jobs with a backbone need, without waiting for it."""

    def share(self, material: Material) -> str:
        """Bring material to wherever jobs run; gives the key that jobs name it by."""

    def submit(self, function: Function, job: Any, tell: Tell) -> Future[Any]:
        """Begin a job; the messages it sends on its line go to ``tell``.

        Raises:
            PluginError: the job cannot be sent.
        """

    def wait(self, futures: Sequence[Future[Any]]) -> None:
        """Pass on messages, and return as soon as at least one of the futures is done."""

    def cancel(self, future: Future[Any]) -> None:
        """Stop a job at its next step; its result will never be asked for."""


class InThisProcess:
    """One job after another, in this process: for a debugger, and for what is too small to send."""

    slots = 1

    def __init__(self, plugins: Plugins | None = None) -> None:
        self._materials: dict[str, Material] = {}
        self._bench = Bench(plugins or Plugins(), self._materials)

    def start_ahead(self, backbone: str) -> None:
        """Start nothing: jobs run in this process."""

    def share(self, material: Material) -> str:
        """Keep it at hand."""
        self._materials[material.key] = material
        return material.key

    def submit(self, function: Function, job: Any, tell: Tell) -> Future[Any]:
        """Run it at once, to its end; what it raises is raised where its result is asked for."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(job, self._bench, Line(tell)))
        except Exception as error:  # noqa: BLE001 - as an error of a worker process
            future.set_exception(error)
        return future

    def wait(self, futures: Sequence[Future[Any]]) -> None:
        """Every job is done already."""

    def cancel(self, future: Future[Any]) -> None:
        """It is done already."""


def executor_of(jobs: int | None) -> AbstractContextManager[Executor]:
    """Worker processes, or this process where ``jobs`` is 0."""
    if jobs == 0:
        return nullcontext(InThisProcess())
    from serbench.execute.processes import WorkerProcesses

    return WorkerProcesses()
