"""``serbench report``: figures and tables of the results in a database."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.output import emit_json, format_option


@click.group(cls=Group)
def report() -> None:
    """Make figures and tables of the results of studies."""


@report.command("paper")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="Write the page, the figures and their data into this folder.",
)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Report the entries on this dataset. [default: the only dataset with entries]",
)
@click.option(
    "--protocol",
    metavar="RULE",
    help="Report the entries of this protocol. [default: the protocol with most entries]",
)
@format_option("text", "json")
@common_options
@pass_app
def paper_command(
    app: App, out: Path, dataset: str | None, protocol: str | None, format_: str
) -> None:
    """Make the paper's exhibits from the entries on one dataset and protocol.

    The exhibits are the sample rates, the processing steps of one clip, the accuracy of each model
    and schedule, the accuracy per emotion, the CPU time per clip, and the calibration of the
    probabilities, which is not in the paper. Each is written as PNG, SVG and CSV, and report.md
    shows them next to the results in the paper. This command needs matplotlib: pip install
    matplotlib, or pip install '.[report]' in a checkout.
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
