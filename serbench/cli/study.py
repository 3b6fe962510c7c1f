"""``serbench study``: search the best configuration of a backbone; reproduce what it found."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.forecasts import show_forecasts, shown_value
from serbench.cli.output import (
    counted,
    milliseconds,
    percent,
    scored,
)
from serbench.cli.studies import delete_command, list_command, show_command
from serbench.cli.study_options import EachOnce, study_options
from serbench.run.options import StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.execute.executor import Executor
    from serbench.search.plan import StudyPlan


@click.group()
def study() -> None:
    """Search the best configuration of a backbone."""


@study.command("run", cls=EachOnce)
@study_options(*(name for name in StudyOptions.model_fields if name != "search"))
@click.option(
    "--study",
    "study_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Take options from a file; those on the command line come first.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print which studies would run, how far each one is and how long it would take; run none.",
)
@common_options
@pass_app
def run_command(app: App, /, study_file: Path | None, dry_run: bool, **options: Any) -> None:
    """Search, cross-validate, train the winner, test it once on the holdout, measure its latency.

    Options that may be given several times are combined: each combination is a study, one after
    another. Interrupted in any way, the same command continues where it stopped; with more trials
    or more time it goes on with the same study. Any other option that changes results makes
    another study.
    """
    click.echo("loading PyTorch, the plugins and the dataset", err=True)
    from serbench.run.planning import make_plans, read_options

    chosen = options["augmentations"]
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if chosen is not None:
        given["augmentations"] = chosen
    asked = read_options(given, study_file, app.plugins)
    if dry_run:
        manifest = _dataset(app, asked.dataset, fetch=False)
        plans = make_plans(asked, manifest, app.plugins, app.database, app.workspace)
        show_forecasts(app, plans, manifest)
        return
    with _trainings(asked.jobs) as executor:
        manifest = _dataset(app, asked.dataset)
        plans = make_plans(asked, manifest, app.plugins, app.database, app.workspace)
        _run_all(app, plans, asked, manifest, executor)


def _run_all(
    app: App,
    plans: Sequence[StudyPlan],
    asked: StudyOptions,
    manifest: Manifest,
    executor: Executor,
) -> None:
    """Run studies one after another; one that fails does not keep the others from running."""
    from serbench.errors import SerbenchError
    from serbench.run.planning import differing

    named, failed, entries = dict.fromkeys(("backbone", *differing(plans))), 0, 0
    for number, plan in enumerate(plans, start=1):
        if len(plans) > 1:
            what = ", ".join(shown_value(plan, name) for name in named)
            click.echo(f"{number} of {counted(len(plans), 'study')}: {what}")
        try:
            entries += _run(app, plan, asked, manifest, executor)
        except SerbenchError as error:
            if len(plans) == 1 or app.debug:
                raise
            click.echo(f"error: {error}", err=True)
            failed += 1
    if failed:
        raise SerbenchError(
            f"{failed} of {len(plans)} studies failed: correct the errors above and run the same "
            "command, which continues where it stopped",
            failed=failed,
        )
    if not entries:
        raise SerbenchError(
            "no study is left, since every backbone takes longer than --max-latency-ms "
            f"{asked.max_latency_ms:g}: give a larger number, or smaller backbones",
            max_latency_ms=asked.max_latency_ms,
        )
    click.echo("next: serbench leaderboard")


def _trainings(jobs: int | None) -> AbstractContextManager[Executor]:
    """Where trainings run: in processes of their own, or in this one where no jobs are wanted."""
    from serbench.execute.executor import executor_of

    return executor_of(jobs)


def _dataset(app: App, name: str | None, fetch: bool = True) -> Manifest:
    """The dataset asked for; without a name the only one, or the demo where there is none."""
    from serbench.cli.corpus import DEMO, fetch_demo
    from serbench.errors import UsageError
    from serbench.store.datasets import Datasets

    datasets = Datasets(app.database)
    names = [account["name"] for account in datasets.datasets()] if app.database.exists else []
    if name is None and len(names) > 1:
        raise UsageError(
            f"which dataset? --dataset takes one of {', '.join(names)}", known=tuple(names)
        )
    if name is None and not names:
        click.echo("nothing is scanned yet", err=True)
    chosen = name or (names[0] if names else DEMO)
    if chosen == DEMO and DEMO not in names and fetch:
        fetch_demo(app)
    return datasets.manifest(chosen)


def _run(
    app: App, plan: StudyPlan, asked: StudyOptions, manifest: Manifest, executor: Executor
) -> bool:
    """Run one study; False where its backbone is too slow and it is left out."""
    from serbench.cli.progress import study_listener
    from serbench.run.clip_format import explain_format
    from serbench.run.screening import screen
    from serbench.run.study import drive_study

    if asked.max_latency_ms is not None:
        bound = asked.max_latency_ms
        click.echo(f"{plan.backbone}: measuring its latency", err=True)
        slow = screen(plan, app.plugins, app.workspace, app.database, bound)
        if slow is not None:
            click.echo(
                f"left out: {plan.backbone} takes {slow:.1f} ms (p90, one thread), "
                f"more than {bound:g}"
            )
            return False
    clips = explain_format(plan, asked, manifest, app.plugins)
    with study_listener(plan, app.plugins, clips) as listener:
        entry = drive_study(
            plan,
            app.plugins,
            app.workspace,
            app.database,
            listener,
            executor,
            parallel=asked.jobs or None,
            retune=asked.retune,
            allow_known_speakers=asked.allow_known_speakers,
        )
    _show_result(app, plan, entry)
    return True


def _show_result(app: App, plan: StudyPlan, entry: int) -> None:
    from serbench.model.machine import this_machine
    from serbench.run.study import latency_kind
    from serbench.views.gain import budget_note, gain_of
    from serbench.views.reading import entry_view_here

    kind = latency_kind(plan, app.plugins)
    found = entry_view_here(app.database, entry, this_machine(), kind)
    plain = found.as_dict()
    note = f", {found.note}" if found.note else ""
    click.echo(
        f"entry {entry}: {plain['backbone']} on {plain['dataset']}{note}, {plain['protocol']}: "
        f"UA {scored(plain['uar'], plain['uar_ci'])}, "
        f"WA {scored(plain['accuracy'], plain['accuracy_ci'])} on the holdout, "
        f"UA {percent(plain['cv_uar_mean'])} ± {percent(plain['cv_uar_sd'])} over the folds, "
        f"{milliseconds(plain['latency_ms_p90'])} ms (p90, one thread)"
    )
    gain = gain_of(app.database, entry)
    for line in (budget_note(app.database, entry), gain and gain.sentence):
        if line:
            click.echo(line)


@study.command("reproduce")
@click.argument("entry", metavar="ENTRY", type=int)
@click.option("--folds", is_flag=True, help="Repeat also the folds that the winner was chosen by.")
@study_options("jobs")
@common_options
@pass_app
def reproduce_command(app: App, entry: int, folds: bool, jobs: int | None) -> None:
    """Train ENTRY again and compare its logits with those on record.

    Exit code 0 where every logit agrees to the last bit, 1 where one does not. A weights file
    that was lost or changed is saved again where the logits agree.
    """
    from serbench.errors import SerbenchError
    from serbench.run.listener import Listener
    from serbench.run.reproduce import changes_since, reproduce

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
            if each.restored:
                click.echo(f"{place}: its weights file was missing or changed; it is saved again")
            if not each.agrees:
                differing.append(place)
    if differing:
        raise SerbenchError(
            f"entry {entry} was not reproduced ({', '.join(differing)}): "
            + ("see what changed above" if changes else "and nothing recorded has changed"),
            differing=tuple(differing),
        )
    click.echo(f"entry {entry} reproduced")


for command in (list_command, show_command, delete_command):
    study.add_command(command)
