"""``serbench study``: search the best setting of a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import counted, emit_json, emit_table
from serbench.cli.percent import percent, scored
from serbench.cli.plans import make_plans, separated

if TYPE_CHECKING:
    from serbench.search.plan import StudyPlan

FORMAT = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.group()
def study() -> None:
    """Search the best setting of a backbone."""


@study.command("run")
@click.option(
    "--backbone", multiple=True, metavar="NAME", help="homebrew, a timm name, a plugin's."
)
@click.option("--dataset", metavar="NAME", help="A scanned dataset. [default: the only one]")
@click.option("--front-end", metavar="NAME", help="[default: the backbone's own, mostly mel]")
@click.option("--schedule", multiple=True, metavar="NAME", help="[default: half-cycle]")
@click.option(
    "--protocol",
    multiple=True,
    metavar="RULE",
    help="speaker-K, random-K (speaker-dependent), loso, corpus, a published one, folds:FILE; "
    "`serbench protocol list` explains. [default: speaker-5]",
)
@click.option(
    "--nested",
    type=click.IntRange(2),
    metavar="K",
    help="Search K times, each without a Kth of the speakers, which is examined.",
)
@click.option("--trials", type=click.IntRange(1), help="Settings to try. [default: 10]")
@click.option("--epochs", type=click.IntRange(1), help="At most this many. [default: 100]")
@click.option("--batch-size", type=click.IntRange(2), help="Clips a step. [default: 32]")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="After so much training time no further trial starts.",
)
@click.option("--seed", type=click.IntRange(0), help="[default: 0]")
@click.option(
    "--augmentations",
    metavar="NAME,…|none",
    callback=lambda ctx, parameter, text: separated(text),
    help="Whose widths to search. [default: time-shift,frequency-mask,time-mask,gain,noise]",
)
@click.option(
    "--weights",
    metavar="default|none|FILE|entry:N",
    help="Where to start from: entry:N is a network trained here. [default: default]",
)
@click.option(
    "--max-latency-ms",
    type=click.FloatRange(0, min_open=True),
    metavar="MS",
    help="Leave out backbones that take longer for one answer (p90, one thread).",
)
@click.option(
    "--study",
    "study_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Take options from a file; those on the command line come first.",
)
@common_options
@pass_app
def run_command(app: App, /, study_file: Path | None, **options: Any) -> None:
    """Search, cross-validate, refit the winner, examine it once, measure its latency.

    --backbone, --schedule and --protocol may be given more than once: all that they combine to is
    studied in turn. Interrupted in any way, the same command goes on where it stopped.
    """
    from serbench.errors import SerbenchError
    from serbench.model.allocator import keep_freed_memory

    keep_freed_memory()
    plans, max_latency_ms = make_plans(app, study_file, options)
    failed = 0
    for number, plan in enumerate(plans, start=1):
        if len(plans) > 1:
            click.echo(
                f"study {number} of {len(plans)}: {plan.backbone}, {plan.schedule}, {plan.protocol}"
            )
        try:
            _run(app, plan, max_latency_ms)
        except SerbenchError as error:
            if len(plans) == 1 or app.debug:
                raise
            click.echo(f"error: {error}", err=True)
            failed += 1
    if failed:
        raise SerbenchError(
            f"{failed} of {len(plans)} studies failed: mend what is said above and run the same "
            "command, it goes on where it stopped"
        )
    click.echo("now: serbench leaderboard")


def _run(app: App, plan: StudyPlan, max_latency_ms: float | None) -> None:
    from serbench.cli.progress import study_listener
    from serbench.deploy.driver import drive_study
    from serbench.deploy.screening import screen
    from serbench.results.gain import gain_of
    from serbench.results.leaderboard import read_rankings

    if max_latency_ms is not None:
        slow = screen(plan, app.plugins, app.database, max_latency_ms)
        if slow is not None:
            click.echo(
                f"left out: {plan.backbone} takes {slow:.1f} ms (p90, one thread), "
                f"more than {max_latency_ms:g}"
            )
            return
    with study_listener(plan) as listener:
        entry = drive_study(plan, app.plugins, app.workspace, app.database, listener)
    ranked = (row for ranking in read_rankings(app.database) for row in ranking.rows)
    row = next(row for row in ranked if row.entry == entry)
    note = ", synthetic speech" if row.synthetic else ""
    click.echo(
        f"entry {entry}: {row.backbone} on {row.dataset}{note}, {row.protocol}: "
        f"UA {scored(row.uar, row.uar_ci)}, WA {scored(row.accuracy, row.accuracy_ci)} on the "
        f"exam, UA {percent(row.cv_uar_mean)} ± {percent(row.cv_uar_sd)} over the folds, "
        f"{row.latency_ms_p90:.1f} ms (p90, one thread)"
    )
    gain = gain_of(app.database, entry)
    if gain is not None:
        click.echo(gain.sentence)


@study.command("reproduce")
@click.argument("entry", metavar="ENTRY", type=int)
@click.option("--folds", is_flag=True, help="Repeat also the folds that the winner was chosen by.")
@common_options
@pass_app
def reproduce_command(app: App, entry: int, folds: bool) -> None:
    """Train ENTRY again, and say whether its logits come out the same.

    Exit code 0 where every logit agrees to the last bit, 1 where one does not.
    """
    from serbench.deploy.driver import Listener
    from serbench.deploy.reproduction import changes_since, reproduce
    from serbench.errors import SerbenchError

    changes = changes_since(app.database, entry)
    for name, (before, now) in changes.items():
        click.echo(f"{name}: {before} then, {now} now")
    differing = []
    for each in reproduce(entry, app.plugins, app.workspace, app.database, Listener(), folds):
        place = each.fold if isinstance(each.fold, str) else f"fold {each.fold + 1}"
        if each.round:
            place = f"round {each.round + 1}, {place}"
        same = "every logit the same"
        click.echo(
            f"{place}: {counted(each.clips, 'clip')}, UA {percent(each.before)} then, "
            f"{percent(each.now)} now, "
            + (same if each.agrees else f"logits differ by up to {each.largest:g}")
        )
        if not each.agrees:
            differing.append(place)
    if differing:
        raise SerbenchError(
            f"entry {entry} does not come out the same ({', '.join(differing)}): "
            + ("see what changed above" if changes else "and nothing recorded has changed")
        )
    click.echo(f"entry {entry} reproduced")


@study.command("list")
@FORMAT
@common_options
@pass_app
def list_command(app: App, format_: str) -> None:
    """List all studies."""
    from serbench.results.overview import list_studies

    studies = list_studies(app.database)
    if format_ == "json":
        emit_json(studies)
        return
    if not studies:
        click.echo("no studies yet: serbench study run --backbone homebrew")
        return
    emit_table(
        [
            ">study",
            "backbone",
            "front end",
            "schedule",
            "dataset",
            "protocol",
            ">trials",
            ">best UA",
            "state",
            ">entry",
        ],
        [
            [
                str(row["study"]),
                row["backbone"],
                row["front_end"],
                row["schedule"],
                row["dataset"],
                row["protocol"] + (f", round {row['round'] + 1}" if row["round"] else ""),
                f"{row['trials']}/{row['of']}",
                percent(row["best_mean_uar"]),
                row["state"],
                str(row["entry"] or ""),
            ]
            for row in studies
        ],
        spare=["front end", "schedule", "protocol"],
    )


@study.command("show")
@click.argument("number", metavar="STUDY", type=int)
@FORMAT
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show every trial and fold of STUDY."""
    from serbench.results.overview import show_study

    found = show_study(app.database, number)
    if format_ == "json":
        emit_json(found)
        return
    plan = found["plan"]
    click.echo(
        f"study {found['study']} ({found['state']}): {plan['backbone']}, {plan['front_end']}, "
        f"{plan['schedule']}, {plan['protocol']} on {plan['dataset']}, seed {plan['seed']}"
    )
    emit_table(
        [">trial", "state", ">mean UA", ">learning rate", ">freeze", "widths", "UA per fold"],
        [_trial_cells(trial) for trial in found["trials"]],
    )
    if found["entry"]:
        entry = found["entry"]
        click.echo(
            f"entry {entry['entry']}: trial {entry['trial']} refitted, exam UA "
            f"{percent(entry['uar'])} WA {percent(entry['accuracy'])}, weights {entry['weights']}"
        )
        if entry["gain"]:
            click.echo(entry["gain"]["sentence"])


def _trial_cells(trial: dict[str, Any]) -> list[str]:
    parameters = trial["parameters"]
    widths = {name.partition(":")[2]: value for name, value in parameters.items() if ":" in name}
    return [
        str(trial["trial"]),
        trial["state"],
        percent(trial["mean_uar"]),
        f"{parameters['learning_rate']:.2g}",
        str(parameters["freeze_depth"]),
        " ".join(f"{name} {value:.2g}" for name, value in widths.items()),
        " ".join(percent(fold["uar"]) for fold in trial["folds"] if fold["fold"] != "exam"),
    ]
