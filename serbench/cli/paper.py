"""``serbench report compare``: entries of one protocol in a table for a paper."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets, entries, protocols
from serbench.cli.output import as_json, emit_table, emit_text, format_option, write_file

if TYPE_CHECKING:
    from serbench.views.paper_formats import TextTable

ENDINGS = {".tex": "latex", ".md": "markdown", ".csv": "csv", ".json": "json"}
"""Ending of a file → format."""


@click.command("compare", cls=Command)
@click.argument("numbers", metavar="[ENTRY]...", type=int, nargs=-1, shell_complete=entries)
@click.option(
    "--dataset",
    shell_complete=datasets,
    metavar="NAME",
    help="Compare the entries on this dataset. [default: the only dataset with entries]",
)
@click.option(
    "--protocol",
    shell_complete=protocols,
    metavar="RULE",
    help="Compare the entries of this protocol. [default: the protocol with most entries]",
)
@click.option(
    "--by",
    "traits",
    type=click.Choice(["sex", "corpus", "language", "intensity"]),
    multiple=True,
    help="Show UA in groups of clips instead; may be given several times.",
)
@click.option(
    "--pairs",
    type=click.Choice(["nemenyi", "wilcoxon"]),
    default="nemenyi",
    show_default=True,
    help="Compare pairs of mean ranks by this test; wilcoxon with Holm's correction.",
)
@click.option(
    "--diagram",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the critical-difference diagram into this PNG, SVG or PDF file.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result into this file; its ending .tex, .md, .csv or .json chooses the format.",
)
@format_option("table", "latex", "markdown", "csv", "json")
@common_options
@pass_app
def compare_command(
    app: App,
    numbers: tuple[int, ...],
    dataset: str | None,
    protocol: str | None,
    traits: tuple[str, ...],
    pairs: str,
    diagram: Path | None,
    out: Path | None,
    format_: str,
) -> None:
    """Make a results table of entries of one protocol for a paper.

    All scores have 95 % intervals over speakers. The entry with the highest UA is marked, and so
    are those that cannot be distinguished from it. Mean ranks over the test speakers are compared
    by Friedman's test, and --diagram draws them (Demšar 2006). --by divides the clips into groups,
    as far as the dataset and its corpora know them, and marks the smallest group. Without ENTRY,
    all entries on the dataset under the protocol are compared, except those with weights that were
    trained on test speakers.
    """
    from serbench.views.paper_formats import as_text, groups_table, results_table
    from serbench.views.paper_table import compare_for_paper

    chosen = format_
    if out is not None and format_ == "table":
        chosen = ENDINGS.get(out.suffix.lower(), "table")
    if out is not None and chosen == "table":
        raise click.BadParameter(
            f"{out} is a file, and a table is only printed: give --format latex, markdown, csv or "
            f"json, or a name that ends in {', '.join(ENDINGS)}",
            param_hint="--out",
        )
    corpora = {corpus.name: corpus for corpus in app.plugins.corpora} if traits else {}
    found = compare_for_paper(
        app.database,
        corpora,
        numbers,
        dataset,
        protocol,
        traits,  # type: ignore[arg-type]  # click has checked the choices
        pairs,  # type: ignore[arg-type]
    )
    if diagram is not None:
        from serbench.views.report.ranks import write_diagram

        write_diagram(found, diagram)
    text = ""
    if chosen == "json":
        text = as_json(found.as_dict())
    elif chosen != "table":
        command = ["serbench", "report", "compare", *(str(row.view.entry) for row in found.rows)]
        command += [part for trait in traits for part in ("--by", trait)]
        text = as_text(found, chosen, bool(traits), shlex.join(command))  # type: ignore[arg-type]
    if chosen == "table":
        _show(groups_table(found) if traits else results_table(found, "*"))
    elif out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text)
    if diagram is not None:
        click.echo(str(diagram), err=out is None)


def _show(table: TextTable) -> None:
    from serbench.views.tables import Bold

    rows = [
        [first, *(f"{cell} *" if isinstance(cell, Bold) else cell for cell in rest)]
        for first, *rest in table.rows
    ]
    shown = {column.lstrip(">") for column in table.columns}
    spare = [name for name in ("macro-F1", "parameters", "WA", "emotions") if name in shown]
    emit_table(table.columns, rows, spare=spare)
    for sentence in table.caption:
        emit_text(sentence)
