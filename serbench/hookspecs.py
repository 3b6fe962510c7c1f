"""The hooks of plugins: nine functions, each of which receives a ``register`` callback.

A plugin is one module. The ``pyproject.toml`` of its package names the module once for each kind
of object that it registers::

    [project.entry-points."serbench.backbones"]
    my-plugin = "my_package.my_module"

The groups are ``serbench.corpora``, ``serbench.front_ends``, ``serbench.augmentations``,
``serbench.backbones``, ``serbench.heads``, ``serbench.objectives``, ``serbench.schedulers``,
``serbench.metrics`` and ``serbench.runtimes``; a module is imported when
objects of its kinds are needed. A module in the group ``serbench`` may register objects of any
kind, and is imported for every kind.

The module marks its functions with ``serbench.hookimpl`` and calls ``register(thing)`` once for
each object. The protocol classes below define the interface of each kind. If a module cannot be
imported or a hook raises an error, only the registrations of that module or hook are missing.
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
    """Register corpora, which recognise the recordings of a collection and declare its licence."""


@hookspec
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register front ends, which turn waveforms into feature images."""


@hookspec
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register augmentations, which change training clips with an adjustable width."""


@hookspec
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register backbones, which turn feature images into features."""


@hookspec
def register_heads(register: Callable[[Head], None]) -> None:
    """Register heads, which turn features into logits."""


@hookspec
def register_objectives(register: Callable[[Objective], None]) -> None:
    """Register objectives, which training minimises."""


@hookspec
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register schedulers, which define the optimiser and the schedule of the learning rate."""


@hookspec
def register_metrics(register: Callable[[Metric], None]) -> None:
    """Register metrics, which compute a score from logits and targets."""


@hookspec
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register runtimes, which run trained networks."""
