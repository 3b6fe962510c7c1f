"""``serbench serve``: the site of the results, live from the database."""

from __future__ import annotations

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.output import emit_json, emit_text, format_option
from serbench.cli.remarks import remark


@click.command("serve", cls=Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="Serve on this port; 0 takes any free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Serve on this address; the default can only be reached from this machine. Anyone who "
    "reaches another address can read all results.",
)
@format_option("text", "json")
@common_options
@pass_app
def serve(app: App, port: int, host: str, format_: str) -> None:
    """Serve the site of `serbench publish` from the database, until Ctrl-C.

    Pages are loaded again while studies run, and one more page shows these studies. Nothing can be
    changed through the site. This command needs Altair: pip install '.[site]' in a checkout.
    """
    from serbench.views.site.live import live_site, server_of

    site = live_site(app.database, list(app.plugins.metrics), app.workspace.artifacts)
    with server_of(site, host, port) as server:
        url = f"http://{host}:{server.server_port}/"
        if format_ == "json":
            emit_json({"url": url})
        else:
            emit_text(f"{url} shows the results")
        remark("Ctrl-C ends the server")
        try:
            server.serve_forever()
        except KeyboardInterrupt as interruption:
            app.interruption = interruption
