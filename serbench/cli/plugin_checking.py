"""``serbench plugins check``: the contract, run on whatever has a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.errors import PluginError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.testing import Verdict

MOST = 3
"""Of more things than this that one plugin brings of a kind, a sample of so many is checked."""


@dataclass(frozen=True)
class Subject:
    """One thing to check, of a kind, brought by a plugin."""

    kind: str
    plugin: str
    thing: Any

    def verdicts(self) -> Iterator[Verdict]:
        """What each check of its contract finds."""
        from serbench.testing import verdicts

        return verdicts(self.kind, self.thing)


@dataclass(frozen=True)
class Subjects:
    """What a name stands for, and a sentence for each sample that was taken."""

    chosen: list[Subject]
    notes: list[str]


def subjects(plugins: Plugins, name: str) -> Subjects:
    """Everything called ``name``, of whatever kind, and everything a plugin of that name brings.

    Raises:
        PluginError: it is a plugin that failed.
        UnknownNameError: nothing is called that; the message lists the nearest names.
    """
    from serbench.testing import sample

    chosen: list[Subject] = []
    notes: list[str] = []
    for registry in plugins.registries():
        registrations = registry.registrations()
        named = [each for each in registrations if each.thing.name == name]
        brought = [each.thing for each in registrations if each.plugin == name]
        things = sample(registry.kind, brought, MOST)
        if len(things) < len(brought):
            count = f"{len(things)} of {len(brought):,}"
            notes.append(f"{count} of kind {registry.kind} that {name} brings")
        chosen += [Subject(registry.kind, each.plugin, each.thing) for each in named]
        chosen += [Subject(registry.kind, name, thing) for thing in things if thing.name != name]
    for failure in plugins.failures:
        if failure.plugin == name:
            raise PluginError(f"plugin '{name}' of {failure.package} failed: {failure.reason}")
    if not chosen:
        known = {thing.name for registry in plugins.registries() for thing in registry}
        raise UnknownNameError("plugin or name", name, sorted(known | set(plugins.sources)))
    return Subjects(chosen, notes)


def recognised_files(plugins: Plugins, found: Subjects, folder: Path) -> list[dict[str, Any]]:
    """What each corpus among ``found`` recognises in a folder: a row for each recording there.

    Raises:
        UsageError: none of ``found`` is a corpus, or there is no such folder.
    """
    from serbench.data.recognition import recognition

    corpora = [each.thing for each in found.chosen if each.kind == plugins.corpora.kind]
    if not corpora:
        raise UsageError("--files is for corpora: leave it out", folder=folder)
    return [row for corpus in corpora for row in recognition(corpus, folder)]
