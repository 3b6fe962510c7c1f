"""Find the plugins, let each register what it brings, and remember who failed and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from serbench import hookspecs
from serbench.errors import PluginError
from serbench.registry import Registry

if TYPE_CHECKING:
    from serbench.data.corpus import Corpus
    from serbench.model.augment import Augmentation
    from serbench.model.backbone import Backbone
    from serbench.model.frontend import FrontEnd
    from serbench.model.schedule import Scheduler

ENTRY_POINT_GROUP = "serbench"
DISABLE_VARIABLE = "SERBENCH_DISABLE_PLUGINS"


@dataclass(frozen=True)
class PluginSource:
    """A plugin as its package declares it, before anything of it is imported."""

    name: str
    package: str
    version: str
    load: Callable[[], object]


@dataclass(frozen=True)
class PluginFailure:
    """A plugin, or one of its hooks, that could not be used."""

    plugin: str
    package: str
    reason: str


def installed_plugins() -> list[PluginSource]:
    """Every entry point of group ``serbench`` on this Python's path, sorted by name."""
    found: dict[tuple[str, str], PluginSource] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group == ENTRY_POINT_GROUP:
                package = distribution.metadata["Name"]
                source = _source(entry_point, package, distribution.version)
                found.setdefault((package, source.name), source)
    return sorted(found.values(), key=lambda source: (source.package != "serbench", source.name))


def _source(entry_point: EntryPoint, package: str, version: str) -> PluginSource:
    return PluginSource(entry_point.name, package, version, entry_point.load)


def disabled_plugins() -> frozenset[str]:
    """The names in ``SERBENCH_DISABLE_PLUGINS``, separated by commas."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


class Plugins:
    """All plugins, and one registry for each kind of thing they bring.

    Every plugin's module is imported at once; a registry is filled when it is first asked for, so
    that a plugin that fails at one kind of thing does not hold up a command that needs another.
    """

    def __init__(
        self,
        sources: list[PluginSource] | None = None,
        disabled: frozenset[str] | None = None,
    ) -> None:
        self.failures: list[PluginFailure] = []
        self.disabled = disabled_plugins() if disabled is None else disabled
        self.sources: dict[str, PluginSource] = {}
        self._manager = pluggy.PluginManager("serbench")
        self._manager.add_hookspecs(hookspecs)
        for source in installed_plugins() if sources is None else sources:
            if source.name not in self.disabled:
                self._load(source)

    def _load(self, source: PluginSource) -> None:
        taken = self.sources.get(source.name)
        if taken is not None:
            self._fail(source, PluginError(f"package {taken.package} has a plugin of that name"))
            return
        # Whatever a stranger's module raises on import is its own failure, never everybody's.
        try:
            self._manager.register(source.load(), name=source.name)
            self._manager.check_pending()
        except (Exception, SystemExit) as error:
            if self._manager.has_plugin(source.name):
                self._manager.unregister(name=source.name)
            self._fail(source, error)
        else:
            self.sources[source.name] = source

    def _fail(self, source: PluginSource, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        self.failures.append(PluginFailure(source.name, source.package, reason))

    def _fill(self, kind: str, hook: str) -> Registry[Any]:
        registry: Registry[Any] = Registry(kind)
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            offered: list[Any] = []
            try:
                implementation.function(register=offered.append)
                extended: Registry[Any] = Registry(kind)
                for known in registry.registrations():
                    extended.add(known.thing, known.plugin)
                for thing in offered:
                    extended.add(thing, name)
            except (Exception, SystemExit) as error:
                self._fail(self.sources[name], error)
            else:
                registry = extended
        return registry

    @cached_property
    def corpora(self) -> Registry[Corpus]:
        """Every corpus."""
        return self._fill("corpus", "register_corpora")

    @cached_property
    def front_ends(self) -> Registry[FrontEnd]:
        """Every front end."""
        return self._fill("front end", "register_front_ends")

    @cached_property
    def augmentations(self) -> Registry[Augmentation]:
        """Every augmentation."""
        return self._fill("augmentation", "register_augmentations")

    @cached_property
    def backbones(self) -> Registry[Backbone]:
        """Every backbone."""
        return self._fill("backbone", "register_backbones")

    @cached_property
    def schedulers(self) -> Registry[Scheduler]:
        """Every scheduler."""
        return self._fill("scheduler", "register_schedulers")

    def registries(self) -> list[Registry[Any]]:
        """All five registries, filled."""
        return [
            self.corpora,
            self.front_ends,
            self.augmentations,
            self.backbones,
            self.schedulers,
        ]
