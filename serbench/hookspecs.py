"""The plugin contract: nine hooks, each given a ``register`` callback.

A plugin is one module, named in its package's ``pyproject.toml`` for each kind of thing that it
brings::

    [project.entry-points."serbench.backbones"]
    my-plugin = "my_package.my_module"

The groups are ``serbench.corpora``, ``serbench.front_ends``, ``serbench.augmentations``,
``serbench.backbones``, ``serbench.heads``, ``serbench.objectives``, ``serbench.schedulers``,
``serbench.metrics`` and ``serbench.runtimes``; a module is imported when things of its kinds are
asked for. In group ``serbench`` it may bring things of any kind, and is imported for all.

It marks its functions with ``serbench.hookimpl`` and calls ``register(thing)`` as often as it
likes. What each thing must be able to do is written where it is used: the protocol classes named
below. A module that fails to import, or a hook that raises, loses only its own registrations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from serbench.data.corpus import Corpus
    from serbench.model.augment import Augmentation
    from serbench.model.backbone import Backbone
    from serbench.model.frontend import FrontEnd
    from serbench.model.head import Head
    from serbench.model.objective import Objective
    from serbench.model.runtime import Runtime
    from serbench.model.schedule import Scheduler
    from serbench.score.metric import Metric

hookspec = pluggy.HookspecMarker("serbench")


@hookspec
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register corpora: file names, labels and licence of a collection."""


@hookspec
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register front ends: waveform → feature image."""


@hookspec
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register augmentations: train-only changes with a width."""


@hookspec
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register backbones: feature image → features."""


@hookspec
def register_heads(register: Callable[[Head], None]) -> None:
    """Register heads: features → logits."""


@hookspec
def register_objectives(register: Callable[[Objective], None]) -> None:
    """Register objectives: what training makes small."""


@hookspec
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register schedulers: optimiser and schedule of the learning rate."""


@hookspec
def register_metrics(register: Callable[[Metric], None]) -> None:
    """Register metrics: logits and targets → a score."""


@hookspec
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register runtimes: ways to run a trained network."""
