"""Executors, which run jobs and wait for their results.

An executor computes and returns plain data; it has no study and no database. This module has the
one that runs jobs in this process; ``serbench.execute.processes`` has the one with worker
processes, which studies use by default, and ``serbench.execute.ray_cluster`` the one for several
machines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from serbench.errors import UsageError
from serbench.execute.feature_cache import FeatureCache
from serbench.execute.features import FrozenParts
from serbench.execute.job import Material
from serbench.model.environment import Environment, this_environment
from serbench.plugins import Plugins

PROCESSES, RAY, HERE = "processes", "ray", "here"
"""Names of the executors: worker processes, a Ray cluster, this process."""

Receive = Callable[[Any], None]
"""Receives the messages of a job while it runs."""


class Cancelled(Exception):  # noqa: N818 - it is not an error
    """The result is no longer needed."""


class Channel:
    """The channel from a running job to the process that waits for it."""

    def __init__(self, receive: Receive, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._receive = receive
        self._cancelled = cancelled

    def send(self, message: object) -> None:
        """Send a message."""
        self._receive(message)

    def check(self) -> None:
        """Stop the job here if its result is no longer needed.

        Raises:
            Cancelled: the result is no longer needed.
        """
        if self._cancelled():
            raise Cancelled

    @property
    def quiet(self) -> Channel:
        """The same channel, on which messages are discarded."""
        return Channel(lambda message: None, self._cancelled)


SILENT = Channel(lambda message: None)
"""A channel whose messages are discarded."""


class JobContext:
    """Plugins and shared material in the process where a job runs.

    Attributes:
        plugins: the plugins.
        frozen: frozen parts of networks, with the cache of their features.
    """

    def __init__(
        self,
        plugins: Plugins,
        materials: Mapping[str, Material],
        cache: FeatureCache | None = None,
    ) -> None:
        self.plugins = plugins
        self.frozen = FrozenParts(plugins, cache)
        self._materials = materials

    def material(self, key: str) -> Material:
        """The material that was shared under this key."""
        return self._materials[key]


Function = Callable[[Any, JobContext, Channel], Any]
"""A function at the top of a module: job, context and channel → plain data."""


@dataclass(frozen=True)
class Nodes:
    """The machines on which an executor runs jobs.

    Attributes:
        environment: environment of trainings on them, with the machine of the first one.
        threads: number of threads that the trainings on one of them can use together.
        count: number of machines, or of GPUs where they have GPUs.
        alike: whether all machines are of one kind.
    """

    environment: Environment
    threads: int
    count: int = 1
    alike: bool = True


def this_node() -> Nodes:
    """The machine of this process alone."""
    return Nodes(this_environment(), torch.get_num_threads())


class Executor(Protocol):
    """Runs functions that take and return plain data."""

    @property
    def slots(self) -> int:
        """Number of jobs that can run at the same time."""

    def nodes(self) -> Nodes:
        """The machines on which jobs run.

        Raises:
            SerbenchError: they would give different logits.
        """

    def start_ahead(self, backbone: str) -> None:
        """Begin to import the modules for jobs with a backbone, without waiting for it."""

    def share(self, material: Material) -> str:
        """Make material available to jobs; returns the key under which jobs find it."""

    def submit(self, function: Function, job: Any, receive: Receive) -> Future[Any]:
        """Start a job; messages that it sends on its channel are passed to ``receive``.

        Raises:
            PluginError: the job cannot be sent.
        """

    def wait(self, futures: Sequence[Future[Any]], seconds: float | None = None) -> None:
        """Pass on messages, and return as soon as at least one of the futures is done.

        Args:
            futures: the futures.
            seconds: return after at most this time even if none is done; by default wait for one.
        """

    def cancel(self, future: Future[Any]) -> None:
        """Stop a job at its next step; its result is no longer needed."""


class InThisProcess:
    """Runs one job after another in this process, for debugging and for very small jobs."""

    slots = 1

    def __init__(self, plugins: Plugins | None = None, cache: FeatureCache | None = None) -> None:
        self._materials: dict[str, Material] = {}
        self._context = JobContext(plugins or Plugins(), self._materials, cache)

    def nodes(self) -> Nodes:
        """The machine of this process alone."""
        return this_node()

    def start_ahead(self, backbone: str) -> None:
        """Start nothing: jobs run in this process."""

    def share(self, material: Material) -> str:
        """Keep it in memory."""
        self._materials[material.key] = material
        return material.key

    def submit(self, function: Function, job: Any, receive: Receive) -> Future[Any]:
        """Run it to its end; an error that it raises is raised when its result is read."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(job, self._context, Channel(receive)))
        except Exception as error:  # noqa: BLE001 - handled like an error of a worker process
            future.set_exception(error)
        return future

    def wait(self, futures: Sequence[Future[Any]], seconds: float | None = None) -> None:
        """Return at once: every job has ended already."""

    def cancel(self, future: Future[Any]) -> None:
        """Do nothing: the job has ended already."""


def executor_of(
    kind: str = PROCESSES, address: str | None = None
) -> AbstractContextManager[Executor]:
    """The executor of a kind, as a context manager.

    Args:
        kind: ``processes``, ``ray`` or ``here``.
        address: address of a Ray cluster; by default Ray is started on this machine.

    Raises:
        UsageError: an address is given for another kind.
    """
    if address is not None and kind != RAY:
        raise UsageError(
            f"--address {address} is the address of a Ray cluster: add --executor ray, or leave "
            "--address out",
            address=address,
            executor=kind,
        )
    if kind == HERE:
        return nullcontext(InThisProcess())
    if kind == RAY:
        from serbench.execute.ray_cluster import RayCluster

        return RayCluster(address)
    from serbench.execute.processes import WorkerProcesses

    return WorkerProcesses()
