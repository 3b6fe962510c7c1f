"""``serbench leaderboard import | export-predictions | rescore | delete | rename``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, confirm, pass_app, yes_option
from serbench.cli.completing import datasets, entries, protocols
from serbench.cli.output import counted, emit_result, format_option, scored, write_file
from serbench.cli.remarks import next_command, remark

if TYPE_CHECKING:
    from serbench.store.prediction_kinds import Kind


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="Show the entry under this name.")
@click.option(
    "--dataset",
    shell_complete=datasets,
    required=True,
    metavar="NAME",
    help="Look the paths of the file up in this scanned dataset.",
)
@click.option(
    "--protocol",
    shell_complete=protocols,
    required=True,
    metavar="ID",
    help="Score the predictions by this protocol, given by its name or its identifier.",
)
@click.option(
    "--machine",
    metavar="NAME",
    help="Record this machine as the one on which the latencies of the file were measured. "
    "[default: the name of the system]",
)
@click.option(
    "--kind",
    type=click.Choice(["logits", "probabilities"]),
    help="Read the numbers of the file as logits or as probabilities. [default: probabilities if "
    "no number is negative and each row sums to 1 or to 100 within the rounding of the file, "
    "otherwise logits]",
)
@format_option("text", "json")
@common_options
@pass_app
def import_command(
    app: App,
    file: Path,
    name: str,
    dataset: str,
    protocol: str,
    machine: str | None,
    kind: Kind | None,
    format_: str,
) -> None:
    """Rank a system that was trained elsewhere by its predictions in FILE, a CSV table.

    The table has the column path and one column for each emotion with logits or probabilities. The
    columns fold ('holdout', or any other name, since folds are recognised by their clips) and
    latency (in milliseconds) are optional. The table must list every clip of the holdout.
    """
    from serbench.data.protocols import protocol_from_id
    from serbench.run.imports import import_predictions
    from serbench.store.datasets import Datasets
    from serbench.views.reading import entry_view

    manifest = Datasets(app.database).manifest(dataset)
    rule = protocol_from_id(manifest, protocol)
    metrics = list(app.plugins.metrics)
    entry = import_predictions(app.database, file, name, manifest, rule, metrics, machine, kind)
    found = entry_view(app.database, entry).as_dict()
    emit_result(
        format_,
        found,
        f"entry {entry}: {name} on {dataset}, {found['protocol_id']}: "
        f"UA {scored(found['uar'], found['uar_ci'])}, "
        f"WA {scored(found['accuracy'], found['accuracy_ci'])}",
    )
    remark("serbench cannot check that this system was not trained on speakers of the holdout")
    next_command("serbench leaderboard")


@click.command("export-predictions", cls=Command)
@click.argument("number", metavar="ENTRY", type=int, shell_complete=entries)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the table to this file. [default: standard output]",
)
@click.option(
    "--folds",
    is_flag=True,
    help="Add the predictions of the winner on the test clips of its folds; by default only those "
    "on the holdout are written.",
)
@format_option("csv", "json")
@common_options
@pass_app
def export_command(app: App, number: int, out: Path | None, folds: bool, format_: str) -> None:
    """Write the logits of ENTRY for each clip of its holdout, in the format of `import`."""
    from serbench.views.tables import export_predictions, prediction_rows

    text = export_predictions(app.database, number, folds)
    if format_ == "json":
        text = f"{json.dumps(prediction_rows(text), indent=2, ensure_ascii=False)}\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text)


@click.command("rescore", cls=Command)
@format_option("text", "json")
@common_options
@pass_app
def rescore_command(app: App, format_: str) -> None:
    """Compute all scores again from the stored logits, also for newly registered metrics."""
    from serbench.store.systems import Systems

    systems, metrics = Systems(app.database), list(app.plugins.metrics)
    changed = {number: systems.rescore(number, metrics) for number in systems.numbers()}
    emit_result(
        format_,
        {"changed": {number: list(names) for number, names in changed.items()}},
        *(f"entry {number}: {', '.join(each)} changed" for number, each in changed.items() if each),
        f"{counted(len(changed), 'entry')} rescored, {sum(map(bool, changed.values()))} changed",
    )
    next_command("serbench leaderboard")


@click.command("delete", cls=Command)
@click.argument("number", metavar="ENTRY", type=int, shell_complete=entries)
@yes_option
@format_option("text", "json")
@common_options
@pass_app
def delete_command(app: App, number: int, yes: bool, format_: str) -> None:
    """Delete ENTRY with its studies, predictions, scores and weights files.

    The training speakers of its networks stay recorded for networks that were trained further from
    them, and the number of tests on its holdout stays recorded too.
    """
    from serbench.store.entries import delete_entry, dependents_of

    found = dependents_of(app.database, number)
    what = [f"entry {number}", *(f"study {study}" for study in found.studies)]
    began = ", ".join(f"entry {entry}" for entry in found.entries)
    note = f" ({began} started from its weights, which are then deleted)" if began else ""
    confirm(f"delete {' and '.join(what)}{note}", yes)
    delete_entry(app.database, number, app.workspace.artifacts)
    facts = {"entry": number, "studies": list(found.studies)}
    emit_result(format_, facts, f"{' and '.join(what)} deleted")
    next_command("serbench leaderboard")


@click.command("rename", cls=Command)
@click.argument("number", metavar="ENTRY", type=int, shell_complete=entries)
@click.argument("name")
@format_option("text", "json")
@common_options
@pass_app
def rename_command(app: App, number: int, name: str, format_: str) -> None:
    """Give the imported entry ENTRY another name.

    A trained entry is named after its backbone and cannot be renamed.
    """
    from serbench.store.entries import rename_entry

    before = rename_entry(app.database, number, name)
    facts = {"entry": number, "before": before, "now": name}
    emit_result(format_, facts, f"entry {number}: {before} is now {name}")
    next_command(f"serbench leaderboard show {number}")
