"""``serbench db``: content and size of a database."""

from __future__ import annotations

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.output import counted, emit_json, emit_result, emit_table, format_option, in_bytes


@click.group(cls=Group)
def db() -> None:
    """Show the content of a database; reduce the size of its file."""


@db.command("info")
@format_option("table", "json")
@common_options
@pass_app
def info_command(app: App, format_: str) -> None:
    """Show the place, the content and the size of the database and of its files."""
    from serbench.plugins import installed_plugins
    from serbench.store.housekeeping import database_info

    workspace = app.workspace
    found = vars(database_info(app.database, workspace.artifacts))
    files = [path for path in workspace.clips.rglob("*") if path.is_file()]
    clips = sum(path.stat().st_size for path in files)
    plugins = {source.package: source.version for source in installed_plugins()}
    if format_ == "json":
        folders = {
            "artifacts_folder": str(workspace.artifacts),
            "clips_folder": str(workspace.clips),
        }
        emit_json({**found, **folders, "clips_bytes": clips, "plugins": plugins})
        return
    size = "" if found["bytes"] is None else f", {in_bytes(found['bytes'])}"
    lost = f"{found['lost_artifacts']} missing" if found["lost_artifacts"] else ""
    artifacts = f"{counted(found['artifacts'], 'file')}, {in_bytes(found['artifact_bytes'])}"
    emit_table(
        ["property", "value"],
        [
            ["database", f"{found['database']} ({found['backend']}{size})"],
            ["schema", found["schema"]],
            *([name, str(found[name])] for name in ("datasets", "studies", "entries")),
            ["predictions", f"{counted(found['predictions'], 'set')} of logits"],
            ["weights files", ", ".join(filter(None, (artifacts, lost)))],
            ["", str(workspace.artifacts)],
            ["prepared clips", f"{in_bytes(clips)}, of all databases"],
            ["", str(workspace.clips)],
            ["plugins", ", ".join(f"{name} {version}" for name, version in plugins.items())],
        ],
    )


@db.command("vacuum")
@format_option("text", "json")
@common_options
@pass_app
def vacuum_command(app: App, format_: str) -> None:
    """Free the disk space of deleted rows, and delete weights files that nothing needs.

    Initial weights that were made for a deleted study, and drafts of interrupted writes, are
    deleted if they are older than one day.
    """
    from serbench.store.housekeeping import database_info, remove_unneeded_files, vacuum

    freed = remove_unneeded_files(app.database, app.workspace.artifacts)
    before = database_info(app.database, app.workspace.artifacts).bytes
    vacuum(app.database)
    after = database_info(app.database, app.workspace.artifacts).bytes
    known = before is not None and after is not None
    database = before - after if before is not None and after is not None else None
    lines = [f"database: {in_bytes(database or 0)} freed, {in_bytes(after or 0)} now"] * known
    emit_result(
        format_,
        {"database_bytes": after, "database_freed": database, "weights_freed": freed},
        *lines,
        f"weights files: {in_bytes(freed)} freed",
    )
