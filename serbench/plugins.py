"""Find the plugins, register their objects, and record which plugins failed and why."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import EntryPoint, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from serbench import hookspecs
from serbench.errors import PluginError
from serbench.notices import notice
from serbench.plugin_choice import (
    DISABLE_VARIABLE,
    built_in_only,
    disabled_plugins,
    installed_folders,
)
from serbench.plugin_index import PluginIndex, stamp_of
from serbench.registry import IndexedRegistry, Registry
from serbench.workspace import cache_folder

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

ENTRY_POINT_GROUP = "serbench"
"""Group of plugins for objects of any kind, and the prefix of the groups for one kind each."""

HOOKS = {
    "corpus": "register_corpora",
    "front end": "register_front_ends",
    "augmentation": "register_augmentations",
    "backbone": "register_backbones",
    "head": "register_heads",
    "objective": "register_objectives",
    "scheduler": "register_schedulers",
    "metric": "register_metrics",
    "runtime": "register_runtimes",
}
"""Kind → the hook that registers objects of this kind."""

BUILT_IN = "serbench"
"""The package of the built-in plugins."""


def group_of(kind: str) -> str:
    """The group of plugins of a kind, such as ``serbench.front_ends`` for front ends."""
    return f"{ENTRY_POINT_GROUP}.{HOOKS[kind].removeprefix('register_')}"


@dataclass(frozen=True)
class PluginSource:
    """A plugin as its package declares it, before its module is imported.

    ``kinds`` are the kinds of the groups in which it is declared, or all kinds for the group
    ``serbench``. ``module`` is the name of its module, or empty if it is unknown.
    """

    name: str
    package: str
    version: str
    load: Callable[[], object]
    kinds: frozenset[str] = frozenset(HOOKS)
    module: str = ""


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that could not be imported, or one of whose hooks failed."""

    plugin: str
    package: str
    reason: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of {self.package} could not be loaded ({self.reason})"


def installed_plugins() -> list[PluginSource]:
    """All entry points of serbench's groups in this environment, sorted by name."""
    found: dict[tuple[str, str], PluginSource] = {}
    for distribution in distributions(path=installed_folders()):
        for entry_point in distribution.entry_points:
            kinds = _kinds(entry_point)
            if kinds:
                package = distribution.metadata["Name"]
                name, version = entry_point.name, distribution.version
                known = found.get((package, name))
                found[package, name] = (
                    PluginSource(
                        name, package, version, entry_point.load, kinds, entry_point.module
                    )
                    if known is None
                    else replace(known, kinds=known.kinds | kinds)
                )
    return sorted(found.values(), key=lambda source: (source.package != BUILT_IN, source.name))


def _kinds(entry_point: EntryPoint) -> frozenset[str]:
    if entry_point.group == ENTRY_POINT_GROUP:
        return frozenset(HOOKS)
    return frozenset(kind for kind in HOOKS if entry_point.group == group_of(kind))


def _registry(kind: str) -> cached_property[Registry[Any]]:
    """An attribute of ``Plugins`` that is computed at its first use."""
    return cached_property(lambda plugins: plugins._fill(kind))


class Plugins:
    """All plugins, and one registry for each kind of registered object.

    A registry is filled at its first use. Only then are the modules imported that may register
    objects of its kind: the scan of a corpus does not import networks, and a plugin that fails for
    one kind does not stop a command that needs another kind. The names that installed plugins
    register are stored in an index, so that later only the module of a requested object is
    imported.
    """

    corpora: cached_property[Registry[Corpus]] = _registry("corpus")
    front_ends: cached_property[Registry[FrontEnd]] = _registry("front end")
    augmentations: cached_property[Registry[Augmentation]] = _registry("augmentation")
    backbones: cached_property[Registry[Backbone]] = _registry("backbone")
    heads: cached_property[Registry[Head]] = _registry("head")
    objectives: cached_property[Registry[Objective]] = _registry("objective")
    schedulers: cached_property[Registry[Scheduler]] = _registry("scheduler")
    metrics: cached_property[Registry[Metric]] = _registry("metric")
    runtimes: cached_property[Registry[Runtime]] = _registry("runtime")

    def __init__(
        self,
        sources: list[PluginSource] | None = None,
        disabled: frozenset[str] | None = None,
    ) -> None:
        self.failures: list[PluginFailure] = []
        self.disabled = disabled_plugins() if disabled is None else disabled
        self.sources: dict[str, PluginSource] = {}
        installed = installed_plugins() if sources is None else sources
        others = [source for source in installed if source.package != BUILT_IN]
        self.left_out = others if built_in_only() else []
        left = {id(source) for source in self.left_out}
        self._declared = [
            source
            for source in installed
            if source.name not in self.disabled and id(source) not in left
        ]
        self._coming = list(self._declared)
        self._names = [source.name for source in self._declared]
        self._offers: dict[tuple[str, str], list[Any]] = {}
        self._index = PluginIndex(cache_folder() / "plugins") if sources is None else None
        names = {source.name for source in installed}
        self.unknown_disabled = self.disabled - names
        for name in sorted(self.unknown_disabled):
            nearest = difflib.get_close_matches(name, names, n=1)
            meant = f": did you mean {nearest[0]}?" if nearest else ""
            notice(f"{DISABLE_VARIABLE} names no installed plugin '{name}'{meant}")
        self._manager = pluggy.PluginManager("serbench")
        self._manager.add_hookspecs(hookspecs)

    @property
    def declared(self) -> dict[str, PluginSource]:
        """Name → plugin, as the packages declare them, imported or not, without disabled ones."""
        return {source.name: source for source in reversed(self._declared)}

    def version_of(self, plugin: str) -> str:
        """Package and version of an installed plugin, such as ``serbench 0.2.0``."""
        source = self.declared[plugin]
        return f"{source.package} {source.version}"

    def _load(self, source: PluginSource) -> None:
        taken = self.sources.get(source.name)
        if taken is not None:
            self._fail(source, PluginError(f"package {taken.package} has a plugin of that name"))
            return
        # Any error while a module is imported disables this plugin only.
        try:
            module = source.load()
            self._manager.register(module, name=source.name)
            self._manager.check_pending()
            self._refuse_surprises(source, module)
        except (Exception, SystemExit) as error:
            if self._manager.has_plugin(source.name):
                self._manager.unregister(name=source.name)
            self._fail(source, error)
        else:
            self.sources[source.name] = source

    def _refuse_surprises(self, source: PluginSource, module: object) -> None:
        """Refuse hooks of undeclared kinds, which would be called only after another import."""
        implemented = {caller.name for caller in self._manager.get_hookcallers(module) or []}
        for kind in HOOKS.keys() - source.kinds:
            if HOOKS[kind] in implemented:
                raise PluginError(f"it also registers a {kind}: declare it in {group_of(kind)} too")

    def _fail(self, source: PluginSource, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        self.failures.append(PluginFailure(source.name, source.package, reason))

    @cached_property
    def _stamp(self) -> str:
        declared = self._declared
        about = [(source.name, source.package, source.version) for source in declared]
        return stamp_of(about, {source.module for source in declared if source.module})

    def _fill(self, kind: str) -> Registry[Any]:
        """The registry of a kind, from the index if that is current."""
        sources = [source for source in self._declared if kind in source.kinds]
        if self._index is None:
            return self._import_all(kind, sources)
        index, stamp = self._index, self._stamp

        def fill() -> Registry[Any]:
            registry = self._import_all(kind, sources)
            own = {source.name for source in sources}
            if any(failure.plugin in own for failure in self.failures):
                index.forget(kind)  # the next command tries again
            else:
                names: dict[str, list[str]] = {}
                for name, plugin in registry.owners().items():
                    names.setdefault(plugin, []).append(name)
                index.write(kind, stamp, names)
            return registry

        found = index.read(kind, stamp)
        if found is None:
            return fill()
        owners = {name: plugin for plugin, names in found.items() for name in names}
        return IndexedRegistry(kind, owners, lambda plugin: self._import_one(kind, plugin), fill)

    def _import_one(self, kind: str, plugin: str) -> list[Any]:
        """The objects of a kind that one plugin registers; none if it fails."""
        for source in [source for source in self._coming if source.name == plugin]:
            self._coming.remove(source)
            self._load(source)
        implementation = self._implementations(kind).get(plugin)
        try:
            return [] if implementation is None else self._offered(kind, implementation)
        except (Exception, SystemExit):
            return []  # recorded as a failure when all plugins are imported

    def _implementations(self, kind: str) -> dict[str, pluggy.HookImpl]:
        """Imported plugin → its hook for a kind."""
        hook = getattr(self._manager.hook, HOOKS[kind])
        return {each.plugin_name: each for each in hook.get_hookimpls()}

    def _offered(self, kind: str, implementation: pluggy.HookImpl) -> list[Any]:
        """The objects that a plugin's hook registers; the hook is called only once."""
        place = (kind, implementation.plugin_name)
        if place not in self._offers:
            offered: list[Any] = []
            implementation.function(register=offered.append)
            self._offers[place] = offered
        return self._offers[place]

    def _import_all(self, kind: str, sources: list[PluginSource]) -> Registry[Any]:
        for source in [source for source in sources if source in self._coming]:
            self._coming.remove(source)
            self._load(source)
        own = {source.name for source in sources}

        def failed() -> list[str]:
            return [str(failure) for failure in self.failures if failure.plugin in own]

        registry: Registry[Any] = Registry(kind, failed)
        implementations = self._implementations(kind)
        # If two plugins register the same name, the first one in the order of sources has it.
        for name in sorted(implementations, key=self._names.index):
            try:
                offered = self._offered(kind, implementations[name])
                extended: Registry[Any] = Registry(kind, failed)
                for known in registry.registrations():
                    extended.add(known.thing, known.plugin)
                for thing in offered:
                    extended.add(thing, name)
            except (Exception, SystemExit) as error:
                self._fail(self.sources[name], error)
            else:
                registry = extended
        return registry

    def registries(self) -> list[Registry[Any]]:
        """The registries of all kinds."""
        return [getattr(self, hook.removeprefix("register_")) for hook in HOOKS.values()]
