"""``serbench cache``: features and prepared clips, which can be made again."""

from __future__ import annotations

import click

from serbench.cli.app import App, Group, common_options, confirm, pass_app, yes_option
from serbench.cli.output import (
    emit_json,
    emit_result,
    emit_table,
    emit_text,
    format_option,
    in_bytes,
)


@click.group(cls=Group)
def cache() -> None:
    """List and delete features and prepared clips."""


@cache.command("list")
@format_option("table", "json")
@common_options
@pass_app
def list_command(app: App, format_: str) -> None:
    """List the stored features of frozen backbones and the prepared clips, with their sizes."""
    from serbench.run.cache import cached

    found = cached(app.workspace)
    if format_ == "json":
        emit_json([vars(each) for each in found])
        return
    if not found:
        emit_text(f"the cache folder {app.workspace.cache} has no features and no prepared clips")
        return
    emit_table(
        ["kind", "dataset", "backbone", "front end", "tap", "view", "clips", ">size", "last used"],
        [
            [
                *(each.kind, each.dataset, each.backbone, each.front_end, each.tap, each.view),
                *(each.clip_format, in_bytes(each.bytes), each.used[:16].replace("T", " ")),
            ]
            for each in found
        ],
    )
    total = in_bytes(sum(each.bytes for each in found))
    emit_text(f"{total} in {app.workspace.cache}; the time of prepared clips is their preparation")


@cache.command("clear")
@click.option("--features", is_flag=True, help="Delete the features and keep the prepared clips.")
@click.option("--clips", is_flag=True, help="Delete the prepared clips and keep the features.")
@yes_option
@format_option("text", "json")
@common_options
@pass_app
def clear_command(app: App, features: bool, clips: bool, yes: bool, format_: str) -> None:
    """Delete features and prepared clips; without an option, both.

    They are made again when a study needs them. Clips that another process is preparing are kept,
    and a running study keeps what it has opened.
    """
    from serbench.run.cache import clear_cache

    both = not (features or clips)
    named = [name for name, asked in (("features", features), ("prepared clips", clips)) if asked]
    what = " and ".join(named or ["features", "prepared clips"])
    confirm(f"delete all {what} in {app.workspace.cache}", yes)
    freed = clear_cache(app.workspace, features or both, clips or both)
    emit_result(format_, {"freed": freed}, f"{in_bytes(freed)} freed")
