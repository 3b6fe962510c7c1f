"""The plugin contract: five hooks, each handed a ``register`` callback.

A plugin is one module, named in its package's ``pyproject.toml`` for each kind of thing that it
brings::

    [project.entry-points."serbench.backbones"]
    my-plugin = "my_package.my_module"

The groups are ``serbench.corpora``, ``serbench.front_ends``, ``serbench.augmentations``,
``serbench.backbones`` and ``serbench.schedulers``; a module is imported when things of its kinds
are asked for. In group ``serbench`` it may bring things of any kind, and is imported for all.

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
    from serbench.model.schedule import Scheduler

hookspec = pluggy.HookspecMarker("serbench")


@hookspec
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register corpora: who knows the file names, labels and licence of a collection."""


@hookspec
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register front ends: waveform → feature image."""


@hookspec
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register augmentations: train-only changes with a width."""


@hookspec
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register backbones: feature image → logits."""


@hookspec
def register_schedulers(register: Callable[[Scheduler], None]) -> None:
    """Register schedulers: optimiser and course of the learning rate."""
