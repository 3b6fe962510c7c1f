"""``serbench leaderboard compare | show | import | export-predictions | rescore``."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import counted, emit_json, emit_table
from serbench.cli.percent import interval, percent, points, scored

if TYPE_CHECKING:
    from serbench.views.comparison import Comparison

FORMAT = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)

SHOWN = {"uar": "UA", "accuracy": "WA", "macro_f1": "macro-F1"}


@click.command("compare")
@click.argument("first", metavar="ENTRY", type=int)
@click.argument("second", metavar="ENTRY", type=int)
@FORMAT
@common_options
@pass_app
def compare_command(app: App, first: int, second: int, format_: str) -> None:
    """Say whether one entry is better than another of the same protocol."""
    from serbench.views.comparison import compare_entries

    found = compare_entries(app.database, first, second)
    if format_ == "json":
        emit_json(found.as_dict())
        return
    emit_table(
        ["holdout", f">entry {first}", f">entry {second}", ">difference", ">95 %", ">p"],
        [
            [
                SHOWN[metric],
                percent(found.scores[metric][0]),
                percent(found.scores[metric][1]),
                points(each.difference),
                interval(each.interval, signed=True),
                "–" if each.p is None else f"{each.p:.3f}",
            ]
            for metric, each in found.differences.items()
        ],
        title=found.protocol_id,
    )
    click.echo()
    for line in _judged(found):
        click.echo(line)


def _judged(found: Comparison) -> list[str]:
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
        which = "folds that both winners were chosen by" if found.tuned_on_folds else "outer_folds"
        lines.append(
            f"corrected resampled t-test over the {found.fold_count} {which}: "
            f"{points((test.low + test.high) / 2)} UA, "
            f"95 % {interval((test.low, test.high), signed=True)}, p {test.p:.3f}"
        )
    return lines


@click.command("show")
@click.argument("number", metavar="ENTRY", type=int)
@FORMAT
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show everything about ENTRY: for whom it works, and what made it."""
    from serbench.views.entry import show_entry

    found = show_entry(app.database, number)
    if format_ == "json":
        emit_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    recipe = ", ".join(filter(None, (found["front_end"], found["schedule"], found["weights"])))
    click.echo(f"entry {found['entry']}: {found['backbone']} ({recipe})")
    click.echo(f"on {found['dataset']} [{found['dataset_hash'][:8]}], {found['protocol_id']}\n")
    for metric, name in SHOWN.items():
        click.echo(f"{name:>9} {scored(found[metric], found[f'{metric}_ci'])}")
    click.echo(f"{'ECE':>9} {percent(found['ece'])}")
    if found["cv_uar_mean"] is not None:
        click.echo(
            f"{'tuning UA':>9} {scored(found['cv_uar_mean'], found['cv_uar_ci'])}, optimism "
            f"{points(found['optimism'])} (the winner was chosen by it)"
        )
    click.echo()
    emotions = found["emotions"]
    emit_table(
        ["said", *(f">{emotion}" for emotion in emotions), ">recall"],
        [
            [emotion, *(str(count) for count in counts), percent(recall)]
            for emotion, counts, recall in zip(
                emotions, found["confusion"], found["recalls"], strict=True
            )
        ],
        title="heard →",
    )
    spread = found["spread"]
    sd = "" if spread["sd"] is None else f", standard deviation {percent(spread['sd'])}"
    click.echo(
        f"\nspeakers: UA from {percent(spread['lowest'])} ({found['worst_speaker']}) "
        f"to {percent(spread['highest'])}{sd}"
    )
    for kind in ("speakers", "sexes", "corpora"):
        click.echo()
        emit_table(
            [kind, ">clips", ">UA", ">WA"],
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
    for line in wrap("made with " + _versions(found["versions"]), width=80, break_on_hyphens=False):
        click.echo(line)
    if found["machine"]:
        from serbench.views.row import trained_with

        machine, compute_settings = found["machine"], trained_with(found["compute_settings"])
        cores = counted(machine["cores"], "core")
        click.echo(f"on {machine['cpu']}, {cores}, trained with {compute_settings}")


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
@common_options
@pass_app
def import_command(
    app: App, file: Path, name: str, dataset: str, protocol: str, machine: str | None
) -> None:
    """Rank a system by its predictions, FILE.csv.

    Columns: path, one for each emotion with logits or probabilities, and where wanted fold ('holdout'
    or a number from 1) and latency (milliseconds). Every clip of the holdout must be there.
    """
    from serbench.data.protocols import protocol_from_id, split_dataset
    from serbench.run.imports import import_predictions
    from serbench.store.datasets import Datasets
    from serbench.views.entry import show_entry

    manifest = Datasets(app.database).manifest(dataset)
    rule = protocol_from_id(manifest, protocol)
    split = split_dataset(manifest, rule)
    entry = import_predictions(app.database, file, name, manifest, rule, split, machine)
    found = show_entry(app.database, entry)
    click.echo(
        f"entry {entry}: {name} on {dataset}, {found['protocol_id']}: "
        f"UA {scored(found['uar'], found['uar_ci'])}, "
        f"WA {scored(found['accuracy'], found['accuracy_ci'])}"
    )
    click.echo(
        "its clips are the holdout's; that it was not trained on their speakers is for you to know"
    )


@click.command("export-predictions")
@click.argument("number", metavar="ENTRY", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="File. [default: standard output]")
@click.option("--folds", is_flag=True, help="Also what the winner said in its folds.")
@common_options
@pass_app
def export_command(app: App, number: int, out: Path | None, folds: bool) -> None:
    """Write what ENTRY said about each clip of its holdout, as `import` takes it."""
    from serbench.views.exports import export_predictions

    text = export_predictions(app.database, number, folds)
    if out is None:
        click.echo(text, nl=False)
    else:
        write(out, text)


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        UsageError: it cannot be written.
    """
    from serbench.errors import UsageError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from error
    click.echo(str(path))


@click.command("rescore")
@common_options
@pass_app
def rescore_command(app: App) -> None:
    """Compute all scores anew from the stored logits; none should change."""
    from serbench.store.entries import Entries

    entries = Entries(app.database)
    changed = {number: entries.rescore(number) for number in entries.numbers()}
    for number, names in changed.items():
        if names:
            click.echo(f"entry {number}: {', '.join(names)} changed")
    count = sum(map(bool, changed.values()))
    click.echo(f"{counted(len(changed), 'entry')} rescored, {count} changed")
