"""The actor that passes messages between the tasks of a Ray cluster and the driver.

It imports nothing else of serbench, so that its process starts quickly and needs little memory.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

GATHER = 0.05
"""Seconds for which the actor gathers messages before the driver receives them together."""


class Sent(NamedTuple):
    """A message of a running task.

    Attributes:
        task: number of the task.
        attempt: identifies the run of the task; a task is run again if its process has died.
        place: number of the message within the run, from 0.
        message: the message.
    """

    task: int
    attempt: str
    place: int
    message: Any


class MessageActor:
    """Passes messages of tasks to the driver, and cancellations of the driver to tasks."""

    def __init__(self) -> None:
        self._sent: list[Sent] = []
        self._arrived = asyncio.Event()
        self._running: dict[int, asyncio.Event] = {}
        self._cancelled: set[int] = set()

    async def send(self, sent: Sent) -> None:
        """Keep a message for the driver."""
        self._sent.append(sent)
        self._arrived.set()

    async def receive(self) -> list[Sent]:
        """Wait for messages, and return all of them."""
        await self._arrived.wait()
        await asyncio.sleep(GATHER)
        self._arrived.clear()
        found, self._sent = self._sent, []
        return found

    async def cancel(self, task: int) -> None:
        """Cancel a task, which may not have begun yet."""
        self._cancelled.add(task)
        self._event(task).set()

    async def cancelled(self, task: int) -> bool:
        """Wait until a task is cancelled, or has ended; whether it is cancelled."""
        await self._event(task).wait()
        return task in self._cancelled

    async def ended(self, task: int) -> None:
        """Let those that wait for a task go on."""
        self._event(task).set()
        del self._running[task]

    def _event(self, task: int) -> asyncio.Event:
        return self._running.setdefault(task, asyncio.Event())
