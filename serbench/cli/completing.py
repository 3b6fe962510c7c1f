"""Completions of numbers and names in a shell, for ``serbench completion``.

Each function receives what click passes to ``shell_complete``. An error gives no completions, since
a shell has no place for its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import click
from click.shell_completion import CompletionItem

from serbench.cli.app import App
from serbench.errors import SerbenchError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""A function that gives the completions of an incomplete value."""


def _completing(named: Callable[[App], Mapping[str, str]], paths: str | None = None) -> Complete:
    """Complete one of some values.

    Args:
        named: gives value → a note, which some shells show.
        paths: ``file`` or ``dir`` where the value may also be one.
    """

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = named(ctx.ensure_object(App))
        except SerbenchError:
            found = {}
        items = [
            CompletionItem(value, help=note or None)
            for value, note in found.items()
            if value.startswith(incomplete)
        ]
        return items if paths is None else [*items, CompletionItem(incomplete, type=paths)]

    return complete


def _without_notes(values: Iterable[object]) -> dict[str, str]:
    return {str(value): "" for value in values}


def _entries(app: App) -> dict[str, str]:
    from serbench.store.entries import entry_names

    return {str(number): name for number, name in entry_names(app.database).items()}


def _studies(app: App) -> dict[str, str]:
    from serbench.views.study import study_views

    return {
        str(each.study): f"{each.backbone} on {each.dataset}, {each.state}"
        for each in study_views(app.database)
    }


def _datasets(app: App) -> dict[str, str]:
    from serbench.store.datasets import Datasets

    return _without_notes(account["name"] for account in Datasets(app.database).datasets())


def _protocols(_: App) -> dict[str, str]:
    from serbench.data.protocols import LISTED

    return dict(LISTED)


def named_by_plugins(kind: str) -> Complete:
    """Complete the names that plugins have registered for a kind, such as ``front end``."""

    def names(app: App) -> dict[str, str]:
        registries = {registry.kind: registry for registry in app.plugins.registries()}
        return _without_notes(registries[kind].owners())

    return _completing(names)


def _plugins(app: App) -> dict[str, str]:
    return {name: source.package for name, source in app.plugins.declared.items()}


entries, studies, datasets = map(_completing, (_entries, _studies, _datasets))
protocols, plugins = map(_completing, (_protocols, _plugins))
entries_and_files = _completing(_entries, "file")
datasets_and_folders = _completing(_datasets, "dir")

OF_STUDIES: Mapping[str, Complete] = {
    "dataset": datasets,
    "protocol": protocols,
    **{
        name: named_by_plugins(name.replace("_", " "))
        for name in ("backbone", "front_end", "head", "objective")
    },
    "schedule": named_by_plugins("scheduler"),
}
"""Option of a study → its completions."""
