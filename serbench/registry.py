"""Name → thing, with who brought it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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

    def __init__(self, kind: str) -> None:
        self.kind = kind
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
            raise UnknownNameError(self.kind, name, self._registrations)
        return self._registrations[name].thing

    def registrations(self) -> list[Registration[Thing]]:
        """Everything registered, with who brought it."""
        return list(self._registrations.values())

    def __iter__(self) -> Iterator[Thing]:
        return (registration.thing for registration in self._registrations.values())

    def __len__(self) -> int:
        return len(self._registrations)

    def __contains__(self, name: object) -> bool:
        return name in self._registrations
