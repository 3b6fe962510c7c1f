"""Registries: the registered objects of each kind by name, with the plugin of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from serbench.errors import PluginError, UnknownNameError


class Named(Protocol):
    """An object that a plugin registers; its name is unique among the objects of its kind."""

    @property
    def name(self) -> str:
        """The name."""


Thing = TypeVar("Thing", bound=Named)


@dataclass(frozen=True)
class Registration(Generic[Thing]):
    """A registered object and the plugin that registered it."""

    thing: Thing
    plugin: str


class Registry(Generic[Thing]):
    """All objects of one kind, in the order of registration."""

    def __init__(self, kind: str, failed: Callable[[], Sequence[str]] = tuple) -> None:
        """An empty registry.

        Args:
            kind: kind of the objects.
            failed: returns a sentence for each plugin of this kind that failed to load.
        """
        self.kind = kind
        self._failed = failed
        self._registrations: dict[str, Registration[Thing]] = {}

    def add(self, thing: Thing, plugin: str) -> None:
        """Register ``thing`` for a plugin.

        Raises:
            PluginError: another plugin has already registered this name.
        """
        taken = self._registrations.get(thing.name)
        if taken is not None:
            raise PluginError(
                f"{self.kind} '{thing.name}' is already registered by plugin '{taken.plugin}'",
                kind=self.kind,
                name=thing.name,
                plugin=taken.plugin,
            )
        self._registrations[thing.name] = Registration(thing, plugin)

    def get(self, name: str) -> Thing:
        """The object with this name.

        Raises:
            UnknownNameError: no object has this name; the message lists the most similar names.
        """
        if name not in self._registrations:
            raise UnknownNameError(self.kind, name, self._registrations, self._failed())
        return self._registrations[name].thing

    def registrations(self) -> list[Registration[Thing]]:
        """All registered objects with their plugins."""
        return list(self._registrations.values())

    def owners(self) -> dict[str, str]:
        """Name of each object → its plugin."""
        return {name: each.plugin for name, each in self._registrations.items()}

    def __iter__(self) -> Iterator[Thing]:
        return (registration.thing for registration in self._registrations.values())

    def __len__(self) -> int:
        return len(self._registrations)

    def __contains__(self, name: object) -> bool:
        return name in self._registrations


class IndexedRegistry(Registry[Thing]):
    """A registry with stored names, so that only the plugin of a requested object is imported.

    If the stored names are wrong, or all objects are requested, every plugin is imported.
    """

    def __init__(
        self,
        kind: str,
        owners: Mapping[str, str],
        bring: Callable[[str], Sequence[Thing]],
        fill: Callable[[], Registry[Thing]],
    ) -> None:
        """A registry that imports plugins when they are needed.

        Args:
            kind: kind of the objects.
            owners: name → plugin, as stored.
            bring: imports a plugin and returns the objects that it registers.
            fill: imports all plugins and returns the complete registry.
        """
        super().__init__(kind)
        self._owners = owners
        self._bring = bring
        self._fill = fill

    @cached_property
    def _whole(self) -> Registry[Thing]:
        return self._fill()

    def get(self, name: str) -> Thing:
        """The object with this name.

        Raises:
            UnknownNameError: no object has this name; the message lists the most similar names.
        """
        owner = self._owners.get(name)
        if owner is not None and "_whole" not in vars(self):
            for thing in self._bring(owner):
                if thing.name == name:
                    return thing
        return self._whole.get(name)

    def owners(self) -> dict[str, str]:
        """Name of each object → its plugin; no plugin is imported."""
        return dict(self._owners)

    def registrations(self) -> list[Registration[Thing]]:
        """All registered objects with their plugins; every plugin is imported."""
        return self._whole.registrations()

    def __iter__(self) -> Iterator[Thing]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    def __contains__(self, name: object) -> bool:
        return name in self._owners or name in self._whole
