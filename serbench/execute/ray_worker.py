"""The code that runs in the processes of a Ray cluster, for ``serbench.execute.ray_cluster``.

A job is a Ray task. Its messages go to the driver, the process of the user, through an actor on the
driver's machine, which also tells the task that it is cancelled. The result of the task contains
all messages again, so that none is lost and the driver does not wait for the actor.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from serbench.execute.executor import Channel, JobContext
from serbench.execute.job import Material
from serbench.execute.ray_messages import Sent
from serbench.execute.worker import run_here
from serbench.model.allocator import keep_freed_memory
from serbench.model.environment import Environment, this_environment
from serbench.plugins import Plugins


class Ended(NamedTuple):
    """What a task gives back.

    Attributes:
        kind: ``returned`` or ``raised``.
        content: what the job has returned or raised.
        attempt: identifies the run of the task.
        messages: all messages of this run.
    """

    kind: str
    content: Any
    attempt: str
    messages: Sequence[Any]


class _Line:
    """Sends the messages of a task, and asks whether it is cancelled."""

    def __init__(self, task: int, actor: Any) -> None:
        self._task, self._actor = task, actor
        self.attempt = uuid.uuid4().hex
        self.messages: list[Any] = []
        self._answer: Future[bool] | None = None

    def send(self, message: object) -> None:
        """Send a message without waiting for its arrival."""
        self._actor.send.remote(Sent(self._task, self.attempt, len(self.messages), message))
        self.messages.append(message)

    def cancelled(self) -> bool:
        """Whether the task is cancelled; the actor is asked once, and answers when it is."""
        if self._answer is None:
            self._answer = self._actor.cancelled.remote(self._task).future()
        return self._answer.done()

    def end(self) -> None:
        """End the question to the actor."""
        if self._answer is not None:
            self._actor.ended.remote(self._task)


class _Materials(dict[str, Material]):
    """Shared material, read from Ray's object store at its first use in this process.

    Its arrays are not copied: all processes of a machine read the same memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.references: dict[str, Any] = {}

    def __missing__(self, key: str) -> Material:
        import ray

        self[key] = ray.get(self.references[key])
        return self[key]


_STATES: list[tuple[JobContext, _Materials]] = []
"""Plugins and material of this process, after its first task."""


def _state() -> tuple[JobContext, _Materials]:
    if not _STATES:
        keep_freed_memory()
        materials = _Materials()
        _STATES.append((JobContext(Plugins(), materials), materials))
    return _STATES[0]


def run_task(task: int, packed: bytes, references: Mapping[str, Any], actor: Any) -> bytes:
    """Run a job in this process.

    Args:
        task: number of the task.
        packed: the function and its job, pickled.
        references: key of each shared material → its reference in the object store.
        actor: handle of the `MessageActor`.

    Returns:
        `Ended`, pickled, so that the driver can change the arrays in it.
    """
    context, materials = _state()
    materials.references.update(references)
    line = _Line(task, actor)
    channel = Channel(line.send, line.cancelled)
    try:
        function, job = pickle.loads(packed)  # noqa: S301 - our own
        kind, content = run_here(function, job, context, channel)
    finally:
        line.end()
    return pickle.dumps(Ended(kind, content, line.attempt, line.messages))


def describe_node() -> Environment:
    """The environment of trainings on this machine; the process can then run a job at once."""
    _state()
    return this_environment()
