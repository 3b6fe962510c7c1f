"""serbench: a benchmarking harness for speech emotion recognition.

A plugin needs one thing from here, the marker of its hooks::

    from serbench import hookimpl

    @hookimpl
    def register_backbones(register):
        register(MyBackbone())

A notebook begins with ``serbench.open``, which ``serbench.api`` explains.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from serbench.api import describe, evaluate, fetch, open, predict, scan, study
    from serbench.views.results import Results

__version__ = "0.1.0"

__all__ = [
    "Results",
    "__version__",
    "describe",
    "evaluate",
    "fetch",
    "hookimpl",
    "open",
    "predict",
    "scan",
    "study",
]

hookimpl = pluggy.HookimplMarker("serbench")


def __getattr__(name: str) -> object:
    """What ``serbench.api`` has, imported when it is first used."""
    if name in __all__:
        return getattr(importlib.import_module("serbench.api"), name)
    raise AttributeError(f"module 'serbench' has no attribute '{name}'")
