"""Jobs as tasks of Ray, on this machine or on the machines of a cluster.

Ray starts the processes, brings data to each machine once, and runs a task again if its process or
its machine has died. This module adds messages and cancellations, as ``serbench.execute.processes``
does, and the resources of each task. Ray is an optional package and is imported when it is needed.
"""

from __future__ import annotations

import itertools
import math
import os
import pickle
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import numpy as np

from serbench.errors import SerbenchError, UsageError
from serbench.execute.executor import Cancelled, Function, Nodes, Receive
from serbench.execute.job import Material
from serbench.execute.ray_connection import connect, first_line, import_ray
from serbench.execute.ray_messages import MessageActor, Sent
from serbench.execute.ray_worker import Ended, describe_node, run_task
from serbench.execute.worker import packed, warm_up

RETRIES = 3
"""A task is run again at most so many times after its process or its machine has died."""

MANY = 10_000
"""So many calls of the actor can wait at the same time; each running task has at most one."""


class RayCluster:
    """Runs jobs as tasks of Ray.

    Use it as a context manager. At its end, running tasks are ended, and Ray too if it was started
    here.

    Args:
        address: address of a cluster, or ``auto``; by default that in ``RAY_ADDRESS``, else Ray is
            started on this machine, where only this machine can reach it.

    Raises:
        MissingPackageError: Ray is not installed.
        UsageError: the cluster cannot be reached.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or None
        self._ray: Any = None
        self._ours = False
        self._numbers = itertools.count()
        self._tasks: dict[Any, _Task] = {}
        self._by_number: dict[int, _Task] = {}
        self._materials: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._ray = ray = import_ray(self._address is None)
        self._ours = not ray.is_initialized()
        if self._ours:
            connect(ray, self._address)
        try:
            self._begin(ray)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _begin(self, ray: Any) -> None:
        self._machines = [
            node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        ]
        if not self._machines:
            raise UsageError("no machine of the Ray cluster has CPUs for tasks: add one")
        here = self._on(ray.get_runtime_context().get_node_id())
        actor = ray.remote(MessageActor).options(num_cpus=0, max_concurrency=MANY, **here)
        self._actor = actor.remote()
        self._mail = self._actor.receive.remote()
        # A process cannot change its GPU, so where machines have several, each task has its own.
        several = any(node["Resources"].get("GPU", 0) > 1 for node in self._machines)
        self._run = ray.remote(max_calls=1 if several else 0)(run_task)
        describe = ray.remote(max_calls=0)(describe_node)
        self._described = [
            describe.options(
                num_cpus=0, num_gpus=self._gpu_share(MANY), **self._on(node["NodeID"])
            ).remote()
            for node in self._machines
        ]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(Exception):  # a cluster that cannot be reached any more has ended them
            for reference in self._tasks:
                self._ray.cancel(reference, force=True)
            self._ray.kill(self._actor)
        self._tasks.clear()
        if self._ours:
            self._ray.shutdown()

    @property
    def slots(self) -> int:
        """Number of CPUs of the cluster, as it was at the start."""
        return sum(self._cpus)

    @property
    def _cpus(self) -> list[int]:
        return [int(node["Resources"]["CPU"]) for node in self._machines]

    @property
    def _gpus(self) -> int:
        return int(sum(node["Resources"].get("GPU", 0) for node in self._machines))

    def nodes(self) -> Nodes:
        """The machines of the cluster, as they were at the start.

        Raises:
            SerbenchError: their devices, architectures or numerical libraries differ.
        """
        return self._nodes

    @cached_property
    def _nodes(self) -> Nodes:
        try:
            found = self._ray.get(self._described)
        except self._ray.exceptions.RayError as error:
            raise SerbenchError(
                f"serbench does not run on every machine of the Ray cluster ({first_line(error)}):"
                " install the same version of serbench and its plugins on all of them"
            ) from error
        first, *others = [
            {**each.decides_logits, "serbench": each.versions.get("serbench", "")} for each in found
        ]
        differing = {name for other in others for name, _ in first.items() ^ other.items()}
        if differing:
            raise SerbenchError(
                f"the machines of the Ray cluster differ in {', '.join(sorted(differing))}, so "
                "that the same seeds would give other logits: use a cluster of equal machines",
                differing=tuple(sorted(differing)),
            )
        return Nodes(
            environment=found[0],
            threads=max(1, min(self._cpus) * len(found) // max(self._gpus, len(found))),
            count=self._gpus or len(found),
            alike=len({each.machine.fingerprint for each in found}) == 1,
        )

    def start_ahead(self, backbone: str) -> None:
        """Start a first process for it on one machine."""
        self.submit(warm_up, backbone, _ignore)

    def share(self, material: Material) -> str:
        """Copy it to the object store, from which each machine fetches it once."""
        key = material.key
        if key not in self._materials:
            # A mapped array would be sent as the path of its file.
            in_memory = replace(material.clips, waveforms=np.asarray(material.clips.waveforms))
            self._materials[key] = self._ray.put(replace(material, clips=in_memory))
        return key

    def submit(self, function: Function, job: Any, receive: Receive) -> Future[Any]:
        """Send a job to the cluster, where it begins as soon as a machine has room for it.

        Raises:
            PluginError: the job cannot be sent.
        """
        payload = packed(function, job)
        task = _Task(next(self._numbers), receive)
        compute = getattr(job, "compute", None)
        threads, parallel = (compute.threads, compute.parallel) if compute else (1, 1)
        together = getattr(job, "on_one_node", False)
        where = self._on(self._machines[0]["NodeID"], soft=True) if together else {}
        how = self._run.options(
            num_cpus=min(threads, *self._cpus),
            num_gpus=self._gpu_share(parallel),
            max_retries=RETRIES,
            **where,
        )
        reference = how.remote(task.number, payload, self._materials, self._actor)
        self._tasks[reference] = self._by_number[task.number] = task
        return task.future

    def _gpu_share(self, parallel: int) -> float:
        """The part of a GPU for each of so many tasks; 0 where there is no GPU."""
        if not self._gpus:
            return 0
        return math.floor(10_000 / math.ceil(min(parallel, 1000) / self._gpus)) / 10_000

    def _on(self, node: str, soft: bool = False) -> dict[str, Any]:
        """The option that makes a task run on a machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=soft)}

    def wait(self, futures: Sequence[Future[Any]], seconds: float | None = None) -> None:
        """Pass on messages until a future is done, or for so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while not any(future.done() for future in futures):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            ready, _ = self._ray.wait([self._mail, *self._tasks], num_returns=1, timeout=left)
            for reference in ready:
                if reference == self._mail:
                    self._receive(self._ray.get(reference))
                    self._mail = self._actor.receive.remote()
                else:
                    self._end(reference)

    def _receive(self, arrived: Iterable[Sent]) -> None:
        for sent in arrived:
            task = self._by_number.get(sent.task)
            if task is not None:  # else its result has arrived, with all messages
                task.arrive(sent)

    def _end(self, reference: Any) -> None:
        """Give the result of a task to those who wait for it."""
        task = self._tasks.pop(reference)
        del self._by_number[task.number]
        try:
            ended: Ended = pickle.loads(self._ray.get(reference))  # noqa: S301 - our own
        except self._ray.exceptions.RayError as error:
            task.future.set_exception(Cancelled() if task.cancelled else _lost(error))
            return
        for place, message in enumerate(ended.messages):
            task.arrive(Sent(task.number, ended.attempt, place, message))
        if ended.kind == "returned":
            task.future.set_result(ended.content)
        else:
            task.future.set_exception(ended.content)

    def cancel(self, future: Future[Any]) -> None:
        """Stop the job at its next step."""
        for task in self._tasks.values():
            if task.future is future:
                task.cancelled = True
                self._actor.cancel.remote(task.number)


class _Task:
    """A submitted job, with the messages that have arrived of its present run."""

    def __init__(self, number: int, receive: Receive) -> None:
        self.number, self._receive = number, receive
        self.future: Future[Any] = Future()
        self.cancelled = False
        self._attempt = ""
        self._passed_on = 0
        self._early: dict[int, Any] = {}

    def arrive(self, sent: Sent) -> None:
        """Pass messages on in their order, each once; after a death they begin again."""
        if sent.attempt != self._attempt:
            self._attempt, self._passed_on, self._early = sent.attempt, 0, {}
        if sent.place >= self._passed_on:
            self._early[sent.place] = sent.message
        while self._passed_on in self._early:
            message = self._early.pop(self._passed_on)
            self._passed_on += 1
            self._receive(message)


def _lost(error: Exception) -> SerbenchError:
    return SerbenchError(
        f"a training was lost on the Ray cluster ({type(error).__name__}: {first_line(error)}), "
        f"although it was begun again up to {RETRIES} times: where memory ran out, a smaller "
        "--jobs or --batch-size needs less; the same command continues where it stopped",
        cause=type(error).__name__,
    )


def _ignore(_: object) -> None:
    """Discard the messages of warming up."""
