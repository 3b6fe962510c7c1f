"""``serbench plugins check``: the contract tests for a registered name or a plugin."""

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
"""If one plugin registers more objects of a kind than this, a sample of this size is checked."""


@dataclass(frozen=True)
class Subject:
    """One object to check, with its kind and the plugin that registered it."""

    kind: str
    plugin: str
    thing: Any

    def verdicts(self) -> Iterator[Verdict]:
        """The result of each check of its contract."""
        from serbench.testing import verdicts

        return verdicts(self.kind, self.thing)


@dataclass(frozen=True)
class Subjects:
    """The objects of a name, and a sentence for each sample that was taken."""

    chosen: list[Subject]
    notes: list[str]


def subjects(plugins: Plugins, name: str) -> Subjects:
    """All objects named ``name``, of any kind, and all objects of a plugin of that name.

    Raises:
        PluginError: the plugin of that name failed.
        UnknownNameError: nothing has that name; the message lists the nearest names.
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
            notes.append(f"{count} of kind {registry.kind} that {name} registers")
        chosen += [Subject(registry.kind, each.plugin, each.thing) for each in named]
        chosen += [Subject(registry.kind, name, thing) for thing in things if thing.name != name]
    for failure in plugins.failures:
        if failure.plugin == name:
            raise PluginError(
                f"plugin '{name}' of {failure.package} cannot be loaded ({failure.reason}): "
                "correct the plugin, or uninstall its package"
            )
    if not chosen:
        known = {thing.name for registry in plugins.registries() for thing in registry}
        raise UnknownNameError("plugin or name", name, sorted(known | set(plugins.sources)))
    return Subjects(chosen, notes)


def recognised_files(plugins: Plugins, found: Subjects, folder: Path) -> list[dict[str, Any]]:
    """A row for each recording in a folder, with the result of each corpus among ``found``.

    Raises:
        UsageError: ``found`` has no corpus, or there is no such folder.
    """
    from serbench.data.recognition import recognition

    corpora = [each.thing for each in found.chosen if each.kind == plugins.corpora.kind]
    if not corpora:
        raise UsageError(
            "--files tests file names of a corpus, and this name is no corpus: remove --files",
            folder=folder,
        )
    return [row for corpus in corpora for row in recognition(corpus, folder)]
