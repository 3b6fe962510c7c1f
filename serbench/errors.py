"""The errors that a user can cause, by recordings, options, files or plugins.

::

    SerbenchError                 exit code 1
    ├── UsageError                exit code 2: an invalid command or file
    │   ├── UnknownNameError      no such backbone, corpus, protocol, …
    │   └── StudyFileError        all mistakes of a study file together
    ├── PluginError               a plugin that does not follow the contract
    ├── AudioError                one recording that cannot be used
    ├── DatasetError              recordings that cannot be studied together
    │   └── LeakError             a split with the same speaker or audio in training and test
    ├── EnvironmentChangedError   a study that was begun on another device or with other libraries
    ├── WeightsError              pretrained weights that cannot be downloaded, read or used
    ├── DivergedError             a training or a network with NaN or infinite numbers
    ├── DeviceMemoryError         a network and a batch that are too large for the memory of a GPU
    ├── ExportError               a network that cannot be exported, or not executed by a runtime
    ├── MissingPackageError       an optional package that is not installed
    ├── TooSlowError              a backbone whose latency is above the given limit
    └── StorageError              a database or a disk that cannot be used
        ├── ConflictError         two processes that write the same row at once
        └── DisconnectedError     a database server that cannot be reached

The message is one line with the problem, its place and its correction. Errors are caught in one
place, ``serbench.cli.main``; an exception that is not a ``SerbenchError`` keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

FEW = 12
"""If no name is similar, all names are listed when there are at most this many."""


class SerbenchError(Exception):
    """The base class: a message for the user, an exit code, and the facts of the message.

    Attributes:
        facts: the values in the message by name, for programs and tests: ``path``, ``line``, …
    """

    exit_code = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, whatever the arguments of the class."""
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
    """A name that is not registered; the message lists the most similar names.

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
            hint = f"choose from {', '.join(names)}"
        else:
            hint = "`serbench plugins list` shows all names"
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
    """A plugin registered a name twice, or an object that does not follow the contract."""


class AudioError(SerbenchError):
    """A recording that cannot be used: missing, empty, truncated, silent, not audio.

    ``reason`` is the defect in a few words; skipped files are counted by it. ``detail`` describes
    this file, such as the declared and the actual number of samples. ``kind`` is the kind of
    finding in ``corpus doctor``: ``lfs-pointer``, ``format``, ``channels-cancel``, ``channel``,
    ``scale``, ``silence``, ``short``, or ``unusable`` for all others.
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
    """A dataset that does not exist, is empty, or cannot be split by the protocol."""


class LeakError(DatasetError):
    """A split with a speaker or identical audio in both training and test."""


class EnvironmentChangedError(SerbenchError):
    """A study that was begun on another device, or with other numerical libraries."""


class WeightsError(SerbenchError):
    """Pretrained weights that cannot be fetched, read, or do not fit the network."""


class DivergedError(SerbenchError):
    """A training whose loss, or a network whose logits, are NaN or infinite."""


class DeviceMemoryError(SerbenchError):
    """A network and a batch that are too large for the memory of a GPU."""


class ExportError(SerbenchError):
    """A network that cannot be exported, or that a runtime executes with other results."""


class MissingPackageError(SerbenchError):
    """An optional package that is needed and not installed; the message has its extra."""


class TooSlowError(SerbenchError):
    """A backbone whose latency is above ``max_latency_ms``, so that no study of it is run."""


class StorageError(SerbenchError):
    """A database or a disk that cannot be read or written."""


class ConflictError(StorageError):
    """Another process wrote the same row at the same time; a second attempt finds it there."""


class DisconnectedError(StorageError):
    """The connection to a database server was lost, or could not be made."""
