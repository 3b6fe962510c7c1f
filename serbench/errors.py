"""Everything that can go wrong because of what a user has, typed or wrote.

::

    SerbenchError                 exit code 1
    ├── UsageError                exit code 2: what was typed or written
    │   ├── UnknownNameError      no such backbone, corpus, protocol, …
    │   └── StudyFileError        every mistake of a study file, at once
    ├── PluginError               a plugin broke the contract
    ├── AudioError                one recording that cannot be used
    ├── DatasetError              recordings that cannot be studied together
    │   └── LeakError             a split that tests on what it trained on
    ├── EnvironmentChangedError   a study that was begun on another device or with other libraries
    ├── WeightsError              pretrained weights that cannot be had
    ├── DivergedError             a training or a network whose numbers are NaN or infinite
    └── StorageError              the database, the disk
        └── ConflictError         two processes that write the same at once

The message is one line that says what is wrong and what to do. It is caught in one place,
``serbench.cli.main``; anything that is not a ``SerbenchError`` keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

FEW = 12
"""So many names are listed where none comes near."""


class SerbenchError(Exception):
    """The root of the tree: a message for the user, an exit code, and what the message is about.

    Attributes:
        facts: the message's particulars by name, for programs and tests: ``path``, ``line``, …
    """

    exit_code = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as it is, whatever arguments its class takes."""
        return _restored, (type(self), self.args, vars(self))


def _restored(
    kind: type[SerbenchError], args: tuple[object, ...], content: dict[str, Any]
) -> SerbenchError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(content)
    return error


class UsageError(SerbenchError):
    """Something typed on the command line or written into a file is not valid."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name nobody registered; the message carries the nearest ones.

    ``failed`` has a sentence for each plugin that might have registered it but failed.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], failed: Sequence[str] = ()
    ) -> None:
        names = list(known)
        nearest = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
        if nearest:
            hint = f"did you mean {', '.join(nearest)}?"
        elif names and len(names) <= FEW:
            hint = f"there is {', '.join(names)}"
        else:
            hint = "`serbench plugins list` shows every name"
        sentence = "; ".join((f"unknown {kind} '{name}': {hint}", *failed))
        super().__init__(sentence, kind=kind, name=name)
        self.kind = kind
        self.name = name
        self.nearest = nearest
        self.failed = tuple(failed)


class StudyFileError(UsageError):
    """A study file with mistakes; ``mistakes`` holds one sentence for each."""

    def __init__(self, path: object, mistakes: Sequence[str]) -> None:
        listed = "; ".join(mistakes)
        super().__init__(f"study file {path}: {listed}", path=path)
        self.mistakes = tuple(mistakes)


class PluginError(SerbenchError):
    """A plugin registered something twice or not in the form the contract asks for."""


class AudioError(SerbenchError):
    """A recording that cannot be used: missing, empty, truncated, silent, not audio.

    ``reason`` is the defect in a few words; skipped files are counted by it. ``detail`` is what was
    found in this one, such as what its header declares and what it holds. ``kind`` is the sort of
    defect that the doctor reports it as: ``lfs-pointer``, ``format``, ``channels-cancel``,
    ``channel``, ``scale``, ``silence``, or ``unusable`` for all others.
    """

    def __init__(
        self,
        path: object,
        reason: str,
        advice: str = "",
        detail: str = "",
        kind: str = "unusable",
    ) -> None:
        clauses = [reason, *filter(None, (detail, advice))]
        message = f"{path}: {'; '.join(clauses)}"
        super().__init__(message, path=path, reason=reason, detail=detail, kind=kind)
        self.kind = kind
        self.reason = reason
        self.detail = detail


class DatasetError(SerbenchError):
    """A dataset that does not exist, is empty, or cannot be split as asked."""


class LeakError(DatasetError):
    """A split that has a speaker, or the same audio, on both sides."""


class EnvironmentChangedError(SerbenchError):
    """A study that was begun on another device, or with other numerical libraries."""


class WeightsError(SerbenchError):
    """Pretrained weights that cannot be fetched, read, or do not fit the network."""


class DivergedError(SerbenchError):
    """A training whose loss, or a network whose logits, are NaN or infinite."""


class StorageError(SerbenchError):
    """The database or the disk does not do what is needed."""


class ConflictError(StorageError):
    """Another process wrote the same at the same moment; tried again, it is found there."""
