"""The contract of each kind of thing, and how to run it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

from serbench.errors import UnknownNameError
from serbench.testing import anything

Check = Callable[[Any], None]

KINDS = {
    "corpus": ("corpora",),
    "front end": ("front_ends",),
    "augmentation": ("augmentations",),
    "backbone": ("backbones", "stages", "backbone_weights"),
    "head": ("heads",),
    "objective": ("objectives",),
    "scheduler": ("schedulers",),
    "metric": ("metrics",),
    "runtime": ("runtimes",),
}
"""Kind, as the registries name it → modules of ``serbench.testing`` that hold its contract."""


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes:
        check: its name, in words.
        promise: the sentence that says what is promised.
        result: whether the promise is kept, broken, or could not be tried here.
        reason: one line where it is not kept, else empty.
    """

    check: str
    promise: str
    result: Literal["passed", "failed", "skipped"]
    reason: str = ""


def contract(kind: str) -> tuple[Check, ...]:
    """The checks of a kind of thing: ``corpus``, ``front end``, ``backbone`` and so on.

    A check that cannot be tried here raises ``unittest.SkipTest`` with the reason, which pytest
    reports as skipped.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of thing", kind, KINDS)
    own = [importlib.import_module(f"serbench.testing.{name}") for name in KINDS[kind]]
    return tuple(check for module in (anything, *own) for check in _public_functions(module))


def _public_functions(module: Any) -> list[Check]:
    """A module's own functions, in the order they are written: each of them is a check."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    ]


def verdicts(kind: str, thing: Any) -> Iterator[Verdict]:
    """Run the contract of ``kind`` on ``thing``, check by check; whatever is raised is a verdict.

    Raises:
        UnknownNameError: there is no such kind.
    """
    for check in contract(kind):
        name = check.__name__.replace("_", " ")
        promise = inspect.getdoc(check) or ""
        try:
            check(thing)
        except SkipTest as reason:
            yield Verdict(name, promise, "skipped", str(reason))
        except AssertionError as broken:
            yield Verdict(name, promise, "failed", str(broken).strip().partition("\n")[0])
        # A stranger's code may raise anything: all of it is a broken promise, none of it is ours.
        except Exception as error:  # noqa: BLE001
            raised = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            yield Verdict(name, promise, "failed", raised)
        else:
            yield Verdict(name, promise, "passed")
