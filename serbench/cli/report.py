"""``serbench report``: exhibits of the database, as figures and one page."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import emit_json, format_option


@click.group()
def report() -> None:
    """Make figures and tables of what studies found."""


@report.command("paper")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="Folder to write into.",
)
@click.option("--dataset", metavar="NAME", help="[default: the only one with entries]")
@click.option("--protocol", metavar="RULE", help="[default: the one with most entries]")
@format_option("text", "json")
@common_options
@pass_app
def paper_command(
    app: App, out: Path, dataset: str | None, protocol: str | None, format_: str
) -> None:
    """Make the paper's exhibits from the entries on one dataset and protocol.

    Sample rates, a clip on its way, accuracy of each model and schedule, accuracy per emotion,
    CPU time per clip: each as PNG, SVG and CSV, and report.md, which shows all of them beside
    what the paper prints. Needs matplotlib: pip install matplotlib, or '.[report]' in a checkout.
    """
    from datetime import UTC, datetime

    from serbench.store.urls import shown_url
    from serbench.views.report.paper import write_paper_report

    named = app.database_option
    written = write_paper_report(
        app.database,
        app.plugins,
        out,
        datetime.now(UTC),
        dataset,
        protocol,
        ["--db", shown_url(named) if "://" in named else named] if named else [],
    )
    if format_ == "json":
        emit_json(
            {
                "page": str(written.page),
                "files": [str(file) for file in written.files],
                "missing": list(written.missing),
            }
        )
        return
    for file in written.files:
        click.echo(file)
    for reason in written.missing:
        click.echo(reason, err=True)
