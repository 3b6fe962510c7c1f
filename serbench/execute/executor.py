"""Who runs trainings, and how one waits for them.

An executor computes and returns plain data; it knows no study and no database. Here is the one
that needs no other process; ``serbench.execute.processes`` has the one that is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Tell = Callable[[Any], None]
"""Takes what a function has to say while it runs."""


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits for the result any more."""


class Line:
    """The line from a function that runs somewhere to whoever waits for it."""

    def __init__(self, tell: Tell, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._tell = tell
        self._cancelled = cancelled

    def tell(self, message: object) -> None:
        """Let the other side know."""
        self._tell(message)

    def check(self) -> None:
        """Stop here where nobody waits any more.

        Raises:
            Cancelled: nobody does.
        """
        if self._cancelled():
            raise Cancelled


SILENT = Line(lambda said: None)
"""A line with nobody at the other end."""


class Task:
    """A function on its way."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def finish(self, value: Any = None, error: BaseException | None = None) -> None:
        """Take what it came to."""
        self.done, self._value, self._error = True, value, error

    def result(self) -> Any:
        """What the function returned.

        Raises:
            Exception: whatever it raised.
        """
        if self._error is not None:
            raise self._error
        return self._value


class Executor(Protocol):
    """Runs functions of plain data; ``function(*arguments, line=…)`` may speak while it runs."""

    @property
    def parallel(self) -> bool:
        """Whether several functions can run at once."""

    def submit(
        self, function: Callable[..., Any], arguments: Sequence[Any], tell: Tell = ...
    ) -> Task:
        """Begin; what the function says on its line goes to ``tell``."""

    def wait(self, tasks: Sequence[Task]) -> None:
        """Return as soon as at least one of the tasks is done."""

    def cancel(self, task: Task) -> None:
        """Give a task up; its result will never be asked for."""


class InThisProcess:
    """One function after another, right here: for a debugger, and for what is too small to send."""

    parallel = False

    def submit(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        tell: Tell = lambda message: None,
    ) -> Task:
        """Run it at once, whole."""
        task = Task(tell)
        task.finish(function(*arguments, line=Line(tell)))
        return task

    def wait(self, tasks: Sequence[Task]) -> None:
        """Everything is done already."""

    def cancel(self, task: Task) -> None:
        """It is done already."""
