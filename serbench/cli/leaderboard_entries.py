"""``serbench leaderboard compare | show | import | export-predictions | rescore | delete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, confirm, pass_app, yes_option
from serbench.cli.output import (
    DASH,
    counted,
    emit_confusion,
    emit_json,
    emit_scores,
    emit_table,
    emit_text,
    format_option,
    interval,
    measured,
    percent,
    points,
    scored,
    write_file,
)

if TYPE_CHECKING:
    from serbench.store.prediction_kinds import Kind
    from serbench.views.comparison import Comparison
    from serbench.views.entry import EntryView


@click.command("compare")
@click.argument("first", metavar="ENTRY", type=int)
@click.argument("second", metavar="ENTRY", type=int)
@format_option("table", "json")
@common_options
@pass_app
def compare_command(app: App, first: int, second: int, format_: str) -> None:
    """Test whether one entry is better than another of the same protocol."""
    from serbench.views.comparison import compare_entries

    found = compare_entries(app.database, first, second)
    if format_ == "json":
        emit_json(found.as_dict())
        return
    metrics = {metric.name: metric for metric in app.plugins.metrics}
    emit_table(
        ["holdout", f">entry {first}", f">entry {second}", ">difference", ">95 %", ">p"],
        [
            [
                metrics[name].label,
                measured(found.scores[name][0], metrics[name]),
                measured(found.scores[name][1], metrics[name]),
                points(each.difference),
                interval(each.interval, signed=True),
                DASH if each.p is None else f"{each.p:.3f}",
            ]
            for name, each in found.differences.items()
        ],
        title=found.protocol_id,
    )
    click.echo()
    for line in (*_tests(found), *found.notes):
        emit_text(line)


def _tests(found: Comparison) -> list[str]:
    """The statistical tests behind a comparison, a sentence for each."""
    speakers = found.differences["uar"].speakers
    lines = [f"paired bootstrap over {counted(speakers, 'speaker')}, Student's t"]
    if found.smallest is not None:
        lines.append(
            "the smallest true difference in UA that these speakers would show four times in "
            f"five: {100 * found.smallest:.1f} points"
        )
    if found.folds is None:
        lines.append("no t-test: the two were not tested on the same folds")
    else:
        test = found.folds
        which = "folds that both winners were chosen by" if found.tuned_on_folds else "outer folds"
        lines.append(
            f"corrected resampled t-test over the {found.fold_count} {which}: "
            f"{points(test.difference)} UA, "
            f"95 % {interval((test.low, test.high), signed=True)}, p {test.p:.3f}"
        )
    return lines


@click.command("show")
@click.argument("number", metavar="ENTRY", type=int)
@format_option("table", "json")
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show everything about ENTRY: how well it does on whom, and what made it."""
    from serbench.views.detail import entry_detail

    found = entry_detail(app.database, number)
    if format_ == "json":
        emit_json(found.as_dict())
    else:
        _show(app, found.as_dict(), found.view)


def _show(app: App, found: dict[str, Any], view: EntryView) -> None:
    parts = ("front_end", "schedule", "head", "objective", "weights")
    recipe = ", ".join(found[part] for part in parts if found[part])
    emit_text(f"entry {found['entry']}: {found['backbone']} ({recipe})")
    if view.clips:
        emit_text(f"clips: {view.clips}")
    emit_text(f"weights were trained before on: {view.pretraining}")
    emit_text(f"licence of the weights: {view.weights_licence.text}")
    for corpus, licence in view.licences.items():
        emit_text(f"corpus {corpus}: {view.speech[corpus]} speech, licence {licence.text}")
    if found["known_speakers"]:
        emit_text(
            "the weights were trained on recordings of these tested speakers: "
            f"{', '.join(found['known_speakers'])}"
        )
    if found["study"] is not None:
        emit_text(f"from study {found['study']}")
    emit_text(f"on {found['dataset']} [{found['dataset_hash'][:8]}], {found['protocol_id']}")
    click.echo()
    emit_scores(view.scores, app.plugins)
    if found["cv_uar_mean"] is not None:
        emit_text(
            f"tuning UA {percent(found['cv_uar_mean'])} on average over the folds, optimism "
            f"{points(found['optimism'])} (the winner was chosen by it); on their clips together "
            f"{scored(found['cv_uar_pooled'], found['cv_uar_pooled_ci'])}"
        )
    emit_text(_looks(found))
    click.echo()
    emit_confusion(found["emotions"], found["confusion"], found["recalls"])
    spread = found["spread"]
    sd = "" if spread["sd"] is None else f", standard deviation {percent(spread['sd'])}"
    click.echo()
    emit_text(
        f"speakers: UA from {percent(spread['lowest'])} ({found['worst_speaker']}) "
        f"to {percent(spread['highest'])}{sd}"
    )
    for kind, heading in (("by_speaker", "speaker"), ("sexes", "sex"), ("corpora", "corpus")):
        click.echo()
        emit_table(
            [heading, ">clips", ">UA", ">WA"],
            [
                [each["name"], str(each["clips"]), percent(each["uar"]), percent(each["accuracy"])]
                for each in found[kind]
            ],
        )
    click.echo()
    emit_table(
        ["confidence", ">clips", ">mean", ">right"],
        [
            [
                f"{100 * each['above']:.0f}–{100 * each['to']:.0f} %",
                str(each["clips"]),
                percent(each["confidence"]),
                percent(each["accuracy"]),
            ]
            for each in found["reliability"]
        ],
        title="calibration",
    )
    click.echo()
    emit_text(f"made with {_versions(found['versions'])}")
    if found["machine"]:
        from serbench.model.machine import Machine

        machine = Machine(**found["machine"])
        emit_text(f"on {machine.name}, compute settings: {found['compute_settings']}")


def _looks(found: dict[str, Any]) -> str:
    """How often the holdout was tested, and what came out each time where it was more than once."""
    counts = (
        f"the holdout was tested with {counted(found['holdout_looks'], 'network')} of this entry's "
        f"study and with {found['holdout_looks_total']} in all"
    )
    if found["holdout_looks"] == 1:
        return counts
    tests = ", ".join(f"trial {each['trial']} UA {percent(each['uar'])}" for each in found["looks"])
    return f"{counts} (of this study: {tests}; the last one is this entry)"


def _versions(made: dict[str, str]) -> str:
    """Name and version; of a commit or a file's hash the beginning, and the + of changed files."""
    shown = {name: made[name] for name in sorted(made)}
    for name in ("commit", "file"):
        if name in shown:
            shown[name] = shown[name][:12] + ("+" if shown[name].endswith("+") else "")
    return ", ".join(f"{name} {version}" for name, version in shown.items())


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to call the system.")
@click.option("--dataset", required=True, metavar="NAME", help="A scanned dataset.")
@click.option(
    "--protocol", required=True, metavar="ID", help="A protocol's name, or its identifier."
)
@click.option("--machine", help="What the file's latencies were measured on.")
@click.option(
    "--kind",
    type=click.Choice(["logits", "probabilities"]),
    help="What the numbers are. [default: probabilities where no number is negative and each row "
    "sums to 1 or to 100 within the rounding of the file, otherwise logits]",
)
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
) -> None:
    """Rank a system by its predictions, FILE.csv.

    Columns: path, one for each emotion with logits or probabilities, and where wanted fold
    ('holdout', or any name: a fold is known by its clips) and latency (milliseconds). Every clip of
    the holdout must be there.
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
    emit_text(
        f"entry {entry}: {name} on {dataset}, {found['protocol_id']}: "
        f"UA {scored(found['uar'], found['uar_ci'])}, "
        f"WA {scored(found['accuracy'], found['accuracy_ci'])}"
    )
    emit_text(
        "its clips are the holdout's; serbench cannot check that it was not trained on their "
        "speakers"
    )


@click.command("export-predictions")
@click.argument("number", metavar="ENTRY", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="File. [default: standard output]")
@click.option("--folds", is_flag=True, help="Also the winner's predictions in its folds.")
@common_options
@pass_app
def export_command(app: App, number: int, out: Path | None, folds: bool) -> None:
    """Write the logits of ENTRY for each clip of its holdout, as `import` takes them."""
    from serbench.views.tables import export_predictions

    text = export_predictions(app.database, number, folds)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text)


@click.command("rescore")
@common_options
@pass_app
def rescore_command(app: App) -> None:
    """Compute all scores again from the stored logits, and those of metrics that are new."""
    from serbench.store.systems import Systems

    systems, metrics = Systems(app.database), list(app.plugins.metrics)
    changed = {number: systems.rescore(number, metrics) for number in systems.numbers()}
    for number, names in changed.items():
        if names:
            emit_text(f"entry {number}: {', '.join(names)} changed")
    count = sum(map(bool, changed.values()))
    emit_text(f"{counted(len(changed), 'entry')} rescored, {count} changed")


@click.command("delete")
@click.argument("number", metavar="ENTRY", type=int)
@yes_option
@common_options
@pass_app
def delete_command(app: App, number: int, yes: bool) -> None:
    """Delete ENTRY with its studies, predictions, scores and weights files.

    What its networks were trained on stays on record for whatever began from them, and so does
    how often its holdout was looked at.
    """
    from serbench.store.systems import delete_entry, dependents_of

    found = dependents_of(app.database, number)
    what = [f"entry {number}", *(f"study {study}" for study in found.studies)]
    began = ", ".join(f"entry {entry}" for entry in found.entries)
    note = f" ({began} began from its weights, which are then gone)" if began else ""
    confirm(f"delete {' and '.join(what)}{note}", yes)
    delete_entry(app.database, number, app.workspace.artifacts)
    emit_text(f"{' and '.join(what)} deleted")


@click.command("rename")
@click.argument("number", metavar="ENTRY", type=int)
@click.argument("name")
@common_options
@pass_app
def rename_command(app: App, number: int, name: str) -> None:
    """Give imported ENTRY another name.

    A trained entry is named after its backbone and cannot be renamed.
    """
    from serbench.store.systems import rename_entry

    before = rename_entry(app.database, number, name)
    emit_text(f"entry {number}: {before} is now {name}")
