"""The contract of each kind of plugin object, and functions to run it."""

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
"""Kind, as in the registries → modules of ``serbench.testing`` with its contract."""


@dataclass(frozen=True)
class Verdict:
    """The result of one check.

    Attributes:
        check: name of the check, in words.
        promise: the requirement, in one sentence.
        result: whether the requirement is met, is not met, or could not be checked here.
        reason: one line where it is not met or was not checked, else empty.
    """

    check: str
    promise: str
    result: Literal["passed", "failed", "skipped"]
    reason: str = ""


def contract(kind: str) -> tuple[Check, ...]:
    """The checks of a kind: ``corpus``, ``front end``, ``backbone`` and so on.

    A check that cannot be run here raises ``unittest.SkipTest`` with the reason, which pytest
    reports as skipped.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of thing", kind, KINDS)
    own = [importlib.import_module(f"serbench.testing.{name}") for name in KINDS[kind]]
    return tuple(check for module in (anything, *own) for check in _public_functions(module))


def _public_functions(module: Any) -> list[Check]:
    """The public functions of a module in their order in the file, each of which is a check."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    ]


def verdicts(kind: str, thing: Any) -> Iterator[Verdict]:
    """Run the contract of ``kind`` on ``thing``, check by check; an error becomes a verdict.

    Raises:
        UnknownNameError: there is no such kind.
    """
    for check in contract(kind):
        name = check.__name__.replace("_", " ")
        promise = (inspect.getdoc(check) or "").partition("\n")[0]
        try:
            check(thing)
        except SkipTest as reason:
            yield Verdict(name, promise, "skipped", str(reason))
        except AssertionError as broken:
            yield Verdict(name, promise, "failed", str(broken).strip().partition("\n")[0])
        # A plugin may raise any error: it means that the plugin does not meet the requirement.
        except Exception as error:  # noqa: BLE001
            raised = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            yield Verdict(name, promise, "failed", raised)
        else:
            yield Verdict(name, promise, "passed")
