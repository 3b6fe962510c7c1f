"""``serbench leaderboard compare | show``: a comparison of two entries, and details of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
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
)

if TYPE_CHECKING:
    from serbench.views.comparison import Comparison
    from serbench.views.entry import EntryView


@click.command("compare", cls=Command)
@click.argument("first", metavar="ENTRY", type=int)
@click.argument("second", metavar="ENTRY", type=int)
@format_option("table", "json")
@common_options
@pass_app
def compare_command(app: App, first: int, second: int, format_: str) -> None:
    """Test whether two entries of the same protocol differ significantly."""
    from serbench.views.comparison import compare_entries

    found = compare_entries(app.database, first, second)
    if format_ == "json":
        emit_json(found.as_dict())
        return
    metrics = {metric.name: metric for metric in app.plugins.metrics}
    emit_table(
        ["holdout", f">entry {first}", f">entry {second}", ">difference", ">95 % CI", ">p"],
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
    """The statistical tests of a comparison, a sentence for each."""
    speakers = found.differences["uar"].speakers
    lines = [f"test: paired bootstrap over {counted(speakers, 'speaker')}, with Student's t"]
    if found.smallest is not None:
        lines.append(
            "smallest difference in UA that this number of speakers can detect with a power of "
            f"80 %: {100 * found.smallest:.1f} points"
        )
    if found.folds is None:
        lines.append("no t-test over folds: the two entries were not tested on the same folds")
    else:
        test = found.folds
        which = (
            "folds that both winners were selected by (optimistic)"
            if found.tuned_on_folds
            else "outer folds"
        )
        lines.append(
            f"corrected resampled t-test over the {found.fold_count} {which}: "
            f"{points(test.difference)} UA, "
            f"95 % {interval((test.low, test.high), signed=True)}, p {test.p:.3f}"
        )
    return lines


@click.command("show", cls=Command)
@click.argument("number", metavar="ENTRY", type=int)
@format_option("table", "json")
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show all details of ENTRY: its scores by emotion, speaker, sex and corpus, and its origin."""
    from serbench.views.detail import entry_detail

    found = entry_detail(app.database, number)
    if format_ == "json":
        emit_json(found.as_dict())
    else:
        _show(app, found.as_dict(), found.view)


def _show(app: App, found: dict[str, Any], view: EntryView) -> None:
    parts = ("front_end", "readout", "head", "schedule", "objective", "weights")
    recipe = ", ".join(found[part] for part in parts if found[part])
    emit_text(f"entry {found['entry']}: {found['backbone']} ({recipe})")
    if view.clips:
        emit_text(f"clips: {view.clips}")
    emit_text(f"pretraining corpora of the weights: {view.pretraining}")
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
    emit_text(f"evidence: {view.evidence_text}")
    click.echo()
    emit_scores(view.scores, app.plugins)
    if found["cv_uar_mean"] is not None:
        emit_text(
            f"tuning UA, by which the winner was selected: mean over the folds "
            f"{percent(found['cv_uar_mean'])} (optimism {points(found['optimism'])}), on the clips "
            f"of all folds together {scored(found['cv_uar_pooled'], found['cv_uar_pooled_ci'])}"
        )
    if found["holdout_looks"]:
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
        ["confidence", ">clips", ">mean confidence", ">accuracy"],
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
    """The number of tests on the holdout, and the UA of each where there were several."""
    counts = (
        f"the holdout was tested with {counted(found['holdout_looks'], 'network')} of this entry's "
        f"study and with {found['holdout_looks_total']} in all"
    )
    if found["holdout_looks"] == 1:
        return counts
    tests = ", ".join(f"trial {each['trial']} UA {percent(each['uar'])}" for each in found["looks"])
    return f"{counts} (of this study: {tests}; the last one is this entry)"


def _versions(made: dict[str, str]) -> str:
    """Names and versions; commits and hashes of files are shortened, with a + for changed files."""
    shown = {name: made[name] for name in sorted(made)}
    for name in ("commit", "file"):
        if name in shown:
            shown[name] = shown[name][:12] + ("+" if shown[name].endswith("+") else "")
    return ", ".join(f"{name} {version}" for name, version in shown.items())
