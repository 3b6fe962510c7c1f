"""``serbench db``: content, size, check and copies of a database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.output import (
    DASH,
    counted,
    emit_json,
    emit_result,
    emit_table,
    emit_text,
    format_option,
    in_bytes,
)
from serbench.cli.remarks import remark
from serbench.errors import SerbenchError

if TYPE_CHECKING:
    from serbench.store.backup import Copied


@click.group(cls=Group)
def db() -> None:
    """Show, check, copy and merge databases with their weights files."""


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


@db.command("check")
@click.option(
    "--mend",
    is_flag=True,
    help="Mark the studies of missing and changed files as unfinished, so that their next run "
    "trains these networks again; by default the files are only listed.",
)
@format_option("table", "json")
@common_options
@pass_app
def check_command(app: App, mend: bool, format_: str) -> None:
    """Compare all weights files with their recorded hashes; check the database itself.

    The exit code is 1 if a file is missing or has other content and its study was not marked.
    """
    from serbench.store.checking import check_files

    found = check_files(app.database, app.workspace.artifacts, mend)
    if format_ == "json":
        emit_json([asdict(fault) for fault in found])
    elif found:
        columns = ["file", "problem", ">study", ">trial", "fold", ">entry", "mended"]
        cells = [[*vars(fault).values()][:-1] for fault in found]
        emit_table(
            columns,
            [
                [*(DASH if cell is None else str(cell) for cell in row), "yes" * fault.mended]
                for row, fault in zip(cells, found, strict=True)
            ],
        )
    else:
        emit_text("the database is consistent, and all weights files have their recorded content")
    if any(fault.mended for fault in found):
        remark("the same `serbench study run` as before trains these networks again")
    if any(not fault.mended for fault in found):
        if not mend:
            remark("after `serbench db check --mend`, the same `study run` trains them again")
        raise click.exceptions.Exit(SerbenchError.exit_code)


@db.command("backup")
@click.argument("target", metavar="NAME", type=click.Path(path_type=Path))
@format_option("text", "json")
@common_options
@pass_app
def backup_command(app: App, target: Path, format_: str) -> None:
    """Copy the database and its weights files into a new folder NAME, or a file NAME.tar.

    Studies may run meanwhile. The folder has the names that commands expect, so that
    `--db NAME/serbench.db` uses the copy as it is. Databases of a server are not copied.
    """
    from serbench.store.backup import back_up

    _emit_copied(back_up(app.database, app.workspace.artifacts, target), format_)


@db.command("restore")
@click.argument("source", metavar="NAME", type=click.Path(path_type=Path))
@format_option("text", "json")
@common_options
@pass_app
def restore_command(app: App, source: Path, format_: str) -> None:
    """Make the database, which must not exist yet, from the backup NAME."""
    from serbench.store.backup import restore

    _emit_copied(restore(source, app.database, app.workspace.artifacts), format_)


def _emit_copied(copied: Copied, format_: str) -> None:
    size = f"{counted(copied.files, 'weights file')}, {in_bytes(copied.bytes)}"
    emit_result(format_, asdict(copied), f"{copied.path}: the database and {size}")
    if copied.lost:
        some = f"such as {copied.lost[0]}: `serbench db check` lists them"
        remark(f"{counted(len(copied.lost), 'recorded file')} could not be copied, {some}")


@db.command("merge")
@click.argument("other", metavar="OTHER")
@format_option("text", "json")
@common_options
@pass_app
def merge_command(app: App, other: str, format_: str) -> None:
    """Add what the database OTHER has and this one has not, with its weights files.

    OTHER is a file, a URL or a backup. Datasets, studies, entries, evaluations and latencies are
    added. Entries get new numbers after the existing ones. What both have is not doubled, and the
    same command a second time adds nothing.
    """
    from serbench.run.merging import merge_other

    merged = merge_other(other, app.database, app.workspace)
    facts = asdict(merged)
    facts["entries"] = [{"other": old, "entry": new} for old, new in merged.entries.items()]
    added = [
        counted(merged.datasets, "dataset"),
        counted(merged.studies, "study"),
        counted(merged.trials, "trial"),
        counted(len(merged.entries), "entry"),
        counted(merged.latencies, "latency"),
        counted(merged.files, "weights file"),
    ]
    numbers = [f"entry {old} of {other} is entry {new}" for old, new in merged.entries.items()]
    emit_result(format_, facts, f"added: {', '.join(added)}", *numbers)
    for study in merged.shorter:
        remark(
            f"study {study} has more trials in {other}: they were not added; delete the study here "
            "and merge again to have them"
        )
    if merged.lost:
        remark(f"{counted(len(merged.lost), 'weights file')} of {other} are missing there")
