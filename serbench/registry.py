"""Name → thing, with who brought it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from serbench.errors import PluginError, UnknownNameError


class Named(Protocol):
    """Anything a plugin registers has a name, unique among its kind."""

    @property
    def name(self) -> str:
        """The name."""


Thing = TypeVar("Thing", bound=Named)


@dataclass(frozen=True)
class Registration(Generic[Thing]):
    """One thing and the plugin that brought it."""

    thing: Thing
    plugin: str


class Registry(Generic[Thing]):
    """All things of one kind, in the order they were registered."""

    def __init__(self, kind: str, failed: Callable[[], Sequence[str]] = tuple) -> None:
        """An empty registry.

        Args:
            kind: of thing.
            failed: a sentence for each plugin that brings such things but failed.
        """
        self.kind = kind
        self._failed = failed
        self._registrations: dict[str, Registration[Thing]] = {}

    def add(self, thing: Thing, plugin: str) -> None:
        """Register ``thing``.

        Raises:
            PluginError: another plugin already registered that name.
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
        """The thing called ``name``.

        Raises:
            UnknownNameError: nothing has that name; the message lists the nearest ones.
        """
        if name not in self._registrations:
            raise UnknownNameError(self.kind, name, self._registrations, self._failed())
        return self._registrations[name].thing

    def registrations(self) -> list[Registration[Thing]]:
        """Everything registered, with who brought it."""
        return list(self._registrations.values())

    def owners(self) -> dict[str, str]:
        """Name → the plugin that brought the thing."""
        return {name: each.plugin for name, each in self._registrations.items()}

    def __iter__(self) -> Iterator[Thing]:
        return (registration.thing for registration in self._registrations.values())

    def __len__(self) -> int:
        return len(self._registrations)

    def __contains__(self, name: object) -> bool:
        return name in self._registrations


class IndexedRegistry(Registry[Thing]):
    """A registry whose names are on record, so that only the plugin asked for is imported.

    Where the record turns out to be wrong, or all things are asked for, every plugin is.
    """

    def __init__(
        self,
        kind: str,
        owners: Mapping[str, str],
        bring: Callable[[str], Sequence[Thing]],
        fill: Callable[[], Registry[Thing]],
    ) -> None:
        """A registry that imports what it needs.

        Args:
            kind: of thing.
            owners: name → plugin, as recorded.
            bring: imports a plugin and gives what it registers.
            fill: imports all plugins.
        """
        super().__init__(kind)
        self._owners = owners
        self._bring = bring
        self._fill = fill

    @cached_property
    def _whole(self) -> Registry[Thing]:
        return self._fill()

    def get(self, name: str) -> Thing:
        """The thing called ``name``.

        Raises:
            UnknownNameError: nothing has that name; the message lists the nearest ones.
        """
        owner = self._owners.get(name)
        if owner is not None and "_whole" not in vars(self):
            for thing in self._bring(owner):
                if thing.name == name:
                    return thing
        return self._whole.get(name)

    def owners(self) -> dict[str, str]:
        """Name → plugin, without importing any."""
        return dict(self._owners)

    def registrations(self) -> list[Registration[Thing]]:
        """Everything registered, with who brought it; every plugin is imported."""
        return self._whole.registrations()

    def __iter__(self) -> Iterator[Thing]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    def __contains__(self, name: object) -> bool:
        return name in self._owners or name in self._whole
