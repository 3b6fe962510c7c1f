"""``serbench dashboard``: optuna-dashboard on a copy of the recorded studies."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import studies
from serbench.cli.output import counted, emit_json, emit_text, format_option
from serbench.cli.remarks import next_command, remark


@click.command("dashboard", cls=Command)
@click.argument("numbers", metavar="[STUDY]...", type=int, nargs=-1, shell_complete=studies)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="PORT",
    help="Serve on this port; 0 takes any free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Serve on this address; the default can only be reached from this machine.",
)
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the copy to this new file, an SQLite storage of Optuna; by default it is served.",
)
@format_option("text", "json")
@common_options
@pass_app
def dashboard(
    app: App, numbers: tuple[int, ...], port: int, host: str, file: Path | None, format_: str
) -> None:
    """Show each STUDY in optuna-dashboard, in a browser, until Ctrl-C; without STUDY, all.

    The dashboard has a copy of the studies as they are at the start, in memory: changes in the
    dashboard change no record, and new trials are shown after a restart. Intermediate values of a
    trial are the UA of its folds.
    This command needs optuna-dashboard: pip install 'serbench[dashboard]'.
    """
    from optuna.storages import InMemoryStorage

    from serbench.views.dashboard import copy_studies, dashboard_server, export_studies

    if file is not None:
        copied = export_studies(app.database, numbers, file)
        if format_ == "json":
            emit_json({"file": str(file), "studies": [each.study for each in copied]})
        else:
            emit_text(f"{file}: {counted(len(copied), 'study')}")
            next_command(f"optuna-dashboard sqlite:///{file}")
        return
    storage = InMemoryStorage()
    server = dashboard_server(storage, host, port)
    with server:
        copied = copy_studies(app.database, numbers, storage)
        url = f"http://{host}:{server.server_port}/"
        if format_ == "json":
            emit_json({"url": url, "studies": [each.study for each in copied]})
        else:
            emit_text(f"{url} shows {counted(len(copied), 'study')}")
        remark("Ctrl-C ends the dashboard")
        try:
            server.serve_forever()
        except KeyboardInterrupt as interruption:
            app.interruption = interruption
