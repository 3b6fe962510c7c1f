"""``serbench plugins``: what is registered, and by whom."""

from __future__ import annotations

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import emit_json, emit_table
from serbench.plugins import DISABLE_VARIABLE

MANY = 20
"""A plugin that brings more of a kind than this is summed up in one row."""


@click.group()
def plugins() -> None:
    """Show what is registered, and by whom."""


@plugins.command("list")
@click.option("--all", "everything", is_flag=True, help="One row for each name, thousands of them.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@common_options
@pass_app
def list_command(app: App, everything: bool, format_: str) -> None:
    """List everything registered, who brought it, and every plugin that failed."""
    registered = [
        {
            "kind": registry.kind,
            "name": registration.thing.name,
            "plugin": registration.plugin,
            "package": app.plugins.sources[registration.plugin].package,
            "version": app.plugins.sources[registration.plugin].version,
        }
        for registry in app.plugins.registries()
        for registration in registry.registrations()
    ]
    failures = app.plugins.failures
    if format_ == "json":
        emit_json(
            {
                "registered": registered,
                "failed": [vars(failure) for failure in failures],
                "disabled": sorted(app.plugins.disabled),
            }
        )
        return
    grouped: dict[tuple[str, ...], list[str]] = {}
    for thing in registered:
        brought_by = (thing["kind"], thing["plugin"], thing["package"], thing["version"])
        grouped.setdefault(brought_by, []).append(thing["name"])
    rows = []
    for (kind, plugin, package, version), names in grouped.items():
        source = f"{package} {version}"
        if len(names) > MANY and not everything:
            some = f"{len(names):,} names, {names[0]} … {names[-1]} (--all lists them)"
            rows.append([kind, some, plugin, source])
        else:
            rows += [[kind, name, plugin, source] for name in names]
    emit_table(["kind", "name", "plugin", "package"], rows)
    for failure in failures:
        click.echo(f"failed: {failure.plugin} ({failure.package}): {failure.reason}")
    for name in sorted(app.plugins.disabled):
        click.echo(f"disabled: {name} (by {DISABLE_VARIABLE})")
