"""``serbench doctor``: what this machine has, and what to do about each shortcoming."""

from __future__ import annotations

from dataclasses import asdict

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.output import counted, emit_json, emit_table, emit_text, format_option
from serbench.cli.remarks import next_command, remark


@click.command("doctor", cls=Command)
@format_option("table", "json")
@common_options
@pass_app
def doctor(app: App, format_: str) -> None:
    """Check this machine: processor, PyTorch, runtimes, optional packages, disk, database, hub.

    A line for each shortcoming names what to do. The exit code is 1 if a required part does not
    work, such as a database that cannot be written to, and 0 otherwise. Datasets are checked by
    `serbench corpus doctor NAME`.
    """
    remark("loading PyTorch and the plugins")
    from serbench.run.doctor import BROKEN, OK, examine, next_step

    checks = list(examine(app.workspace, app.database, app.plugins))
    broken = sum(check.state == BROKEN for check in checks)
    if format_ == "json":
        emit_json({"checks": [asdict(check) for check in checks], "broken": broken})
    else:
        emit_table(
            ["check", "state", "found"],
            [[check.name, check.state, check.found] for check in checks],
        )
        click.echo()
        for check in checks:
            if check.advice:
                emit_text(f"{check.name}: {check.advice}")
        short = counted(sum(check.state != OK for check in checks), "shortcoming")
        emit_text(f"{short}, {broken or 'none'} of which prevents studies")
    if broken:
        raise click.exceptions.Exit(1)
    next_command(next_step(app.database))
