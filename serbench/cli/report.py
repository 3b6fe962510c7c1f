"""``serbench report``: figures and tables of the results in a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import datasets, named_by_plugins, protocols
from serbench.cli.output import (
    counted,
    emit_csv,
    emit_json,
    emit_table,
    emit_text,
    format_option,
    interval,
    percent,
)
from serbench.cli.paper import compare_command
from serbench.cli.remarks import counting, remark

if TYPE_CHECKING:
    from serbench.views.cross import CrossCell, CrossView


@click.group(cls=Group)
def report() -> None:
    """Make figures and tables of the results of studies."""


report.add_command(compare_command)


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
    shell_complete=datasets,
    metavar="NAME",
    help="Report the entries on this dataset. [default: the only dataset with entries]",
)
@click.option(
    "--protocol",
    shell_complete=protocols,
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
        remark(reason)


def _names(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))


def _numbers(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(int(name) for name in _names(ctx, param, text))
    except ValueError as error:
        raise click.BadParameter(
            f"'{text}' is not a list of numbers separated by commas", ctx, param
        ) from error


@report.command("cross")
@click.option(
    "--datasets",
    callback=_names,
    metavar="NAME,NAME,...",
    required=True,
    help="Test the entries on these scanned datasets, two or more.",
)
@click.option(
    "--entries",
    callback=_numbers,
    metavar="N,N,...",
    help="Test these entries. [default: the entry with the highest UA on each of the datasets]",
)
@click.option(
    "--backbone",
    shell_complete=named_by_plugins("backbone"),
    metavar="NAME",
    help="Test the best entry of this backbone on each dataset. [default: of any backbone]",
)
@format_option("table", "json", "csv")
@common_options
@pass_app
def cross_command(
    app: App,
    datasets: tuple[str, ...],
    entries: tuple[int, ...],
    backbone: str | None,
    format_: str,
) -> None:
    """Test entries on the datasets of each other.

    Each row is an entry, which was trained on one dataset, and each column is a dataset on which it
    is tested. On its own dataset this is the score of the leaderboard. On another one, only the
    common emotions are scored, and clips of training speakers are left out. Logits are stored, so
    that the same test is not computed again. A line below the table names each test in which one
    emotion is predicted for most clips.
    """
    from serbench.run.evaluate import evaluate_all
    from serbench.views.cross import cross_view
    from serbench.views.cross_plan import plan_cross

    plan = plan_cross(app.database, datasets, entries, backbone)
    with counting("tests on other datasets") as progress:
        evaluate_all(plan.pairs, app.plugins, app.workspace, app.database, progress)
    found = cross_view(app.database, plan, list(app.plugins.metrics))
    if format_ == "json":
        emit_json(found.as_dict())
    elif format_ == "csv":
        rows = [cell.as_flat_dict() for cell in found.cells]
        emit_csv(list(rows[0]), rows)
    else:
        _show_matrix(found)


def _show_matrix(found: CrossView) -> None:
    emit_table(
        ["trained on", ">entry", "network", *(f"on {name}" for name in found.datasets)],
        [
            [
                row[0].trained,
                str(row[0].entry),
                "\n".join(filter(None, (row[0].backbone, row[0].readout, row[0].head))),
                *map(_cell_text, row),
            ]
            for row in found.rows
        ],
        title="UA and its 95 % interval over speakers: trained on the row, tested on the column",
    )
    for warning in found.warnings:
        emit_text(f"warning: {warning}")


def _cell_text(cell: CrossCell) -> str:
    lines = [
        f"{percent(cell.uar)} ({interval(cell.uar_ci)})",
        f"{counted(cell.clips, 'clip')}, {counted(cell.speakers, 'speaker')}",
        counted(len(cell.emotions), "emotion"),
        *([cell.evidence_text] if cell.own else []),
    ]
    if cell.one_sided:
        lines.append(f"{100 * cell.predicted_share:.0f} % {cell.predicted}")
    return "\n".join(lines)
