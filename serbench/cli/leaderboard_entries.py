"""``serbench leaderboard compare | show``: a comparison of two entries, and details of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.calibration import emit_calibration
from serbench.cli.completing import entries
from serbench.cli.latency import emit_latencies
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
from serbench.cli.remarks import next_command

if TYPE_CHECKING:
    from serbench.views.comparison import Comparison
    from serbench.views.entry import EntryView
    from serbench.views.latencies import EntryLatency
    from serbench.views.seeds import SeedsView


@click.command("compare", cls=Command)
@click.argument(
    "numbers", metavar="ENTRY ENTRY...", type=int, nargs=-1, required=True, shell_complete=entries
)
@format_option("table", "json")
@common_options
@pass_app
def compare_command(app: App, numbers: tuple[int, ...], format_: str) -> None:
    """Test which of two or more entries of the same protocol differ significantly.

    Each entry is compared with each other one on the same clips. P-values are corrected for the
    number of pairs by Holm's method, and all intervals together hold at 95 %.
    """
    from serbench.views.comparison import compare_entries

    found = compare_entries(app.database, numbers)
    if format_ == "json":
        emit_json(found.as_dict())
        return
    registered = {metric.name: metric for metric in app.plugins.metrics}
    metrics = {name: registered[name] for name in found.pairs[0].differences}
    labels = [metric.label for metric in metrics.values()]
    emit_table(
        [
            *(">entry", "backbone"),
            *(column for label in labels for column in (f">{label}", f">95 % CI of {label}")),
        ],
        [
            [
                *(str(row.entry), row.backbone),
                *(
                    cell
                    for name, metric in metrics.items()
                    for score in [row.scores[name]]
                    for cell in (measured(score.value, metric), interval(score.interval))
                ),
            ]
            for row in found.entries
        ],
        title=f"{found.protocol_id}, {found.entries[0].evidence_text}",
        spare=[f"95 % CI of {label}" for label in reversed(labels)],
    )
    click.echo()
    emit_table(
        [
            *(">entry", ">minus"),
            *(
                column
                for label in labels
                for column in (f">{label}", f">95 % CI of {label}", f">p of {label}")
            ),
        ],
        [
            [
                *(str(pair.first), str(pair.second)),
                *(
                    cell
                    for each in pair.differences.values()
                    for cell in (
                        points(each.difference),
                        interval(each.interval, signed=True),
                        DASH if each.p is None else f"{each.p:.3f}",
                    )
                ),
            ]
            for pair in found.pairs
        ],
        title="differences",
        spare=[f"{what} of {label}" for label in reversed(labels[1:]) for what in ("95 % CI", "p")],
    )
    click.echo()
    for line in (*found.verdict, *_tests(found), *found.notes):
        emit_text(line)
    next_command("serbench recommend")


def _tests(found: Comparison) -> list[str]:
    """The statistical tests of a comparison, a sentence for each."""
    pairs = len(found.pairs)
    lines = [
        f"test: paired bootstrap over {counted(found.speakers, 'speaker')}, with Student's t"
        + (
            f"; p corrected for {pairs} pairs by Holm's method, and intervals that hold together "
            "at 95 %; p decides"
            if pairs > 1
            else ""
        )
    ]
    smallest = [pair.smallest for pair in found.pairs if pair.smallest is not None]
    if smallest:
        ends = sorted({f"{100 * each:.1f}" for each in (min(smallest), max(smallest))}, key=float)
        lines.append(
            "smallest difference in UA that this number of speakers can detect with a power of "
            f"80 %: {' to '.join(ends)} points"
        )
    return lines


@click.command("show", cls=Command)
@click.argument("number", metavar="ENTRY", type=int, shell_complete=entries)
@format_option("table", "json")
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show all details of ENTRY: its scores by emotion, speaker, sex and corpus, and its origin."""
    from serbench.views.detail import entry_detail

    found = entry_detail(app.database, number)
    plain = found.as_dict()
    if format_ == "json":
        emit_json(plain)
    else:
        _show(app, plain, found.view, found.seeds, found.measured)
    trained = plain["study"] is not None
    next_command(f"serbench export {number}" if trained else "serbench leaderboard compare")


def _show(
    app: App,
    found: dict[str, Any],
    view: EntryView,
    seeds: SeedsView,
    latencies: Sequence[EntryLatency],
) -> None:
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
    for line in (*seeds.sentences, seeds.components):
        if line:
            emit_text(line)
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
    emit_calibration(found["calibration"])
    if latencies:
        click.echo()
        emit_latencies(latencies)
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
