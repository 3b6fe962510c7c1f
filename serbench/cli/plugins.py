"""``serbench plugins``: list registered names, check plugins, and create a new plugin."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import plugins as named_plugins
from serbench.cli.output import (
    counted,
    emit_json,
    emit_result,
    emit_table,
    emit_text,
    format_option,
)
from serbench.cli.plugin_checking import recognised_files, subjects
from serbench.cli.plugin_writing import KINDS, plugin_name, write_plugin
from serbench.cli.remarks import errors, next_command, remark
from serbench.errors import UsageError
from serbench.plugin_choice import DISABLE_VARIABLE

MANY = 20
"""If a plugin registers more names of a kind than this, one row sums them up."""


@click.group(cls=Group)
def plugins() -> None:
    """List registered names with their plugins, check plugins, and create a plugin."""


@plugins.command("list")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Print a row for every name; by default one row sums up a plugin with more than "
    f"{MANY} names of a kind.",
)
@format_option("table", "json")
@common_options
@pass_app
def list_command(app: App, everything: bool, format_: str) -> None:
    """List all registered names with their plugins, and all plugins that failed to load."""
    declared = app.plugins.declared
    registered = [
        {
            "kind": registry.kind,
            "name": name,
            "plugin": plugin,
            "package": declared[plugin].package,
            "version": declared[plugin].version,
        }
        for registry in app.plugins.registries()
        for name, plugin in registry.owners().items()
    ]
    failures = app.plugins.failures
    if format_ == "json":
        emit_json(
            {
                "registered": registered,
                "failed": [vars(failure) for failure in failures],
                "disabled": sorted(app.plugins.disabled - app.plugins.unknown_disabled),
                "left_out": [source.name for source in app.plugins.left_out],
            }
        )
        return
    grouped: dict[tuple[str, ...], list[str]] = {}
    for each in registered:
        owner = (each["kind"], each["plugin"], each["package"], each["version"])
        grouped.setdefault(owner, []).append(each["name"])
    rows = []
    for (kind, plugin, package, version), names in grouped.items():
        source = f"{plugin} ({package} {version})"
        if len(names) > MANY and not everything:
            some = f"{len(names):,} names, such as {names[0]} (--all lists them)"
            rows.append([kind, some, source])
        else:
            rows += [[kind, name, source] for name in names]
    emit_table(["kind", "name", "plugin (package)"], rows)
    for failure in failures:
        emit_text(f"failed: {failure.plugin} ({failure.package}): {failure.reason}")
    for name in sorted(app.plugins.disabled - app.plugins.unknown_disabled):
        click.echo(f"disabled: {name} (by {DISABLE_VARIABLE})")
    for other in app.plugins.left_out:
        click.echo(f"left out: {other.name} ({other.package}), by --no-plugins")


@plugins.command("check")
@click.argument("name", shell_complete=named_plugins)
@click.option(
    "--files",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="List also the speaker, label and emotion that the corpus NAME reads from each file in "
    "FOLDER; the exit code is 1 if it recognises none of them. [default: no files are read]",
)
@format_option("table", "json")
@common_options
@pass_app
def check_command(app: App, name: str, folder: Path | None, format_: str) -> None:
    """Run the contract tests of its kind on NAME.

    NAME is a registered name, or a plugin, of which all registered objects are tested. The exit
    code is 1 if a test fails.
    """
    found = subjects(app.plugins, name)
    recognised = [] if folder is None else recognised_files(app.plugins, found, folder)
    for note in found.notes:
        errors().print(f"only a sample is tested: {note}", highlight=False)
    results = []
    for subject in found.chosen:
        title = f"{subject.kind} {subject.thing.name} (plugin {subject.plugin})"
        verdicts = list(subject.verdicts())
        if format_ == "table":
            rows = [
                [each.check, f"{each.result}: {each.reason}" if each.reason else each.result]
                for each in verdicts
            ]
            emit_table(["check", "result"], rows, title=title)
        about = {"kind": subject.kind, "name": subject.thing.name, "plugin": subject.plugin}
        results += [about | vars(each) for each in verdicts]
    counts = {
        result: sum(each["result"] == result for each in results)
        for result in ("passed", "failed", "skipped")
    }
    if format_ == "json":
        shown = {} if folder is None else {"files": recognised}
        emit_json({"checks": results, "notes": found.notes, **counts, **shown})
    else:
        if folder is not None:
            columns = ["file", "speaker", "label", "emotion", "sentence", "problem"]
            rows = [[str(each[column] or "") for column in columns] for each in recognised]
            emit_table(columns, rows, title=f"{counted(len(rows), 'file')} in {folder}")
        click.echo(", ".join(f"{count} {result}" for result, count in counts.items()))
    nothing = folder is not None and not any(each["speaker"] for each in recognised)
    if counts["failed"] or nothing or any(each["failed"] for each in recognised):
        raise click.exceptions.Exit(1)


@plugins.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    required=True,
    help="Write a plugin that registers an object of this kind.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Create the folder of the package in DIR; by default in the current folder.",
)
@format_option("text", "json")
@common_options
@pass_app
def new_command(app: App, name: str, kind: str, out: Path, format_: str) -> None:
    """Write the package serbench-NAME with a working plugin, for you to change."""
    typed, name = name, plugin_name(name)
    if name != typed:
        remark(
            f"the plugin is named '{name}' instead of '{typed}', since names are lower-case words "
            "with hyphens"
        )
    taken = {each.kind: each.owners() for each in app.plugins.registries()}[KINDS[kind]]
    if name in taken or name in app.plugins.declared:
        raise UsageError(f"'{name}' is already registered: choose another name")
    written = write_plugin(name, kind, out)
    home = written[0].parent
    facts = {"folder": str(home), "files": [str(file) for file in written]}
    emit_result(format_, facts, f"{home}: {counted(len(written), 'file')}")
    next_command(f"pip install -e {home}, then serbench plugins check {name}")
