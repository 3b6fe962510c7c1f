"""``serbench study``: search the best configuration of a backbone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import counted
from serbench.cli.percent import percent, scored
from serbench.cli.studies import list_command, show_command
from serbench.run.plans import make_order, separated

if TYPE_CHECKING:
    from serbench.execute.executor import Executor
    from serbench.run.plans import Order
    from serbench.search.plan import StudyPlan

JOBS = click.option(
    "--jobs",
    type=click.IntRange(0),
    envvar="SERBENCH_JOBS",
    show_envvar=True,
    metavar="N",
    help="Trainings at once; 0 for one in this process. [default: what is fastest]",
)


@click.group()
def study() -> None:
    """Search the best configuration of a backbone."""


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
    help="Search K times, each without a Kth of the speakers, which is tested.",
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
    "--exhaustive",
    is_flag=True,
    default=None,
    help="Give no configuration up before it was tried on all folds.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    envvar="SERBENCH_PRECISION",
    show_envvar=True,
    help="While a network learns. [default: what is fastest and learns alike]",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    envvar="SERBENCH_THREADS",
    show_envvar=True,
    metavar="N",
    help="That a training shares. [default: what is fastest]",
)
@JOBS
@click.option(
    "--recalibrate",
    is_flag=True,
    default=None,
    help="Time again what is fastest, as after a time on a busy machine.",
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
    """Search, cross-validate, refit the winner, inspect it once, measure its latency.

    --backbone, --schedule and --protocol may be given more than once: all that they combine to is
    studied in turn. Interrupted in any way, the same command goes on where it stopped.
    """
    from serbench.errors import SerbenchError
    from serbench.execute.executor import InThisProcess

    with _trainings(options["jobs"]) as executor:
        order = make_order(app, study_file, options)
        if order.jobs == 0:
            executor = InThisProcess()
        plans, failed = order.plans, 0
        for number, plan in enumerate(plans, start=1):
            if len(plans) > 1:
                click.echo(
                    f"study {number} of {len(plans)}: {plan.backbone}, {plan.schedule}, "
                    f"{plan.protocol}"
                )
            try:
                _run(app, plan, order, executor)
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


def _trainings(jobs: int | None = None) -> AbstractContextManager[Executor]:
    """Where trainings run: in processes of their own, or in this one where no jobs are wanted."""
    if jobs == 0:
        from serbench.execute.executor import InThisProcess

        return nullcontext(InThisProcess())
    from serbench.execute.processes import WorkerProcesses

    return WorkerProcesses()


def _run(app: App, plan: StudyPlan, order: Order, executor: Executor) -> None:
    from serbench.cli.progress import study_listener
    from serbench.run.screening import screen
    from serbench.run.study import drive_study
    from serbench.views.gain import gain_of
    from serbench.views.leaderboard import read_rankings

    if order.max_latency_ms is not None:
        slow = screen(plan, app.plugins, app.database, order.max_latency_ms)
        if slow is not None:
            click.echo(
                f"left out: {plan.backbone} takes {slow:.1f} ms (p90, one thread), "
                f"more than {order.max_latency_ms:g}"
            )
            return
    with study_listener(plan) as listener:
        entry = drive_study(
            plan,
            app.plugins,
            app.workspace,
            app.database,
            listener,
            executor,
            jobs=order.jobs or None,
            recalibrate=order.recalibrate,
        )
    ranked = (row for ranking in read_rankings(app.database) for row in ranking.rows)
    row = next(row for row in ranked if row.entry == entry)
    note = ", synthetic speech" if row.synthetic else ""
    click.echo(
        f"entry {entry}: {row.backbone} on {row.dataset}{note}, {row.protocol}: "
        f"UA {scored(row.uar, row.uar_ci)}, WA {scored(row.accuracy, row.accuracy_ci)} on the "
        f"holdout, UA {percent(row.cv_uar_mean)} ± {percent(row.cv_uar_sd)} over the folds, "
        f"{row.latency_ms_p90:.1f} ms (p90, one thread)"
    )
    gain = gain_of(app.database, entry)
    if gain is not None:
        click.echo(gain.sentence)


@study.command("reproduce")
@click.argument("entry", metavar="ENTRY", type=int)
@click.option("--folds", is_flag=True, help="Repeat also the folds that the winner was chosen by.")
@JOBS
@common_options
@pass_app
def reproduce_command(app: App, entry: int, folds: bool, jobs: int | None) -> None:
    """Train ENTRY again, and say whether its logits come out the same.

    Exit code 0 where every logit agrees to the last bit, 1 where one does not.
    """
    from serbench.errors import SerbenchError
    from serbench.run.reproduce import changes_since, reproduce
    from serbench.run.study import Listener

    changes = changes_since(app.database, entry)
    for name, (before, now) in changes.items():
        click.echo(f"{name}: {before} then, {now} now")
    differing = []
    with _trainings(jobs) as executor:
        for each in reproduce(
            entry, app.plugins, app.workspace, app.database, Listener(), folds, executor
        ):
            place = each.fold if isinstance(each.fold, str) else f"fold {each.fold + 1}"
            if each.outer_fold:
                place = f"outer fold {each.outer_fold + 1}, {place}"
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


study.add_command(list_command)
study.add_command(show_command)
