"""``serbench study``: search the best configuration of a backbone; reproduce what it found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import (
    counted,
    milliseconds,
    percent,
    scored,
)
from serbench.cli.studies import list_command, show_command
from serbench.run.options import StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.execute.executor import Executor
    from serbench.search.plan import StudyPlan

Command = TypeVar("Command", bound=Callable[..., Any])


def study_options(*names: str) -> Callable[[Command], Command]:
    """The options of ``StudyOptions`` with these names, as the command line takes them."""

    def add(command: Command) -> Command:
        for name in reversed(names):
            command = _option(name)(command)
        return command

    return add


def _option(name: str) -> Callable[[Command], Command]:
    field = StudyOptions.model_fields[name]
    typed = field.json_schema_extra
    assert isinstance(typed, dict)
    kind, bounds = _plain(field.annotation), field.metadata
    least = next((each.ge for each in bounds if hasattr(each, "ge")), None)
    above = next((each.gt for each in bounds if hasattr(each, "gt")), None)
    how: dict[str, Any] = {"metavar": typed["metavar"], "envvar": typed["variable"]}
    if typed["separated"]:
        how |= {"callback": lambda ctx, parameter, text: _separated(text)}
    elif get_origin(kind) is tuple:
        how |= {"multiple": True}
    elif get_origin(kind) is Literal:
        how |= {"type": click.Choice(get_args(kind))}
    elif kind is bool:
        how = {"is_flag": True}
    elif kind is int:
        how |= {"type": click.IntRange(least)}
    elif kind is float:
        how |= {"type": click.FloatRange(above, min_open=True)}
    usual = field.default
    shown = ",".join(usual) if isinstance(usual, tuple) else str(usual)
    none = usual is None or usual is False or usual == ()
    return click.option(
        f"--{name.replace('_', '-')}",
        default=None,
        help=f"{field.description}" + ("" if none else f" [default: {shown}]"),
        show_envvar=typed["variable"] is not None,
        **how,
    )


def _plain(annotation: Any) -> Any:
    """The type itself, without its validators and without None."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(each for each in get_args(annotation) if each is not NoneType)
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _separated(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; ``none`` for no name at all."""
    if text is None:
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(","))


@click.group()
def study() -> None:
    """Search the best configuration of a backbone."""


@study.command("run")
@study_options(*(name for name in StudyOptions.model_fields if name != "search"))
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
    """Search, cross-validate, train the winner, test it once on the holdout, measure its latency.

    All combinations of backbones, schedules and protocols are studied, one after another.
    Interrupted in any way, the same command continues where it stopped.
    """
    from serbench.errors import SerbenchError
    from serbench.run.planning import make_plans, read_options

    chosen = options["augmentations"]
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if chosen is not None:
        given["augmentations"] = chosen
    asked = read_options(given, study_file, app.plugins)
    with _trainings(asked.jobs) as executor:
        manifest = _dataset(app, asked.dataset)
        plans = make_plans(asked, manifest, app.plugins, app.database, app.workspace)
        failed = 0
        for number, plan in enumerate(plans, start=1):
            if len(plans) > 1:
                click.echo(
                    f"study {number} of {len(plans)}: {plan.backbone}, {plan.schedule}, "
                    f"{plan.protocol}"
                )
            try:
                _run(app, plan, asked, executor)
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
    click.echo("next: serbench leaderboard")


def _trainings(jobs: int | None) -> AbstractContextManager[Executor]:
    """Where trainings run: in processes of their own, or in this one where no jobs are wanted."""
    from serbench.execute.executor import executor_of

    return executor_of(jobs)


def _dataset(app: App, name: str | None) -> Manifest:
    """The dataset asked for; without a name the only one, or the demo where there is none."""
    from serbench.cli.corpus import DEMO, fetch_demo
    from serbench.errors import UsageError
    from serbench.store.datasets import Datasets

    datasets = Datasets(app.database)
    names = [account["name"] for account in datasets.datasets()]
    if name is None and len(names) > 1:
        raise UsageError(
            f"which dataset? --dataset takes one of {', '.join(names)}", known=tuple(names)
        )
    if name is None and not names:
        click.echo("nothing is scanned yet", err=True)
    chosen = name or (names[0] if names else DEMO)
    if chosen == DEMO and DEMO not in names:
        fetch_demo(app)
    return datasets.manifest(chosen)


def _run(app: App, plan: StudyPlan, asked: StudyOptions, executor: Executor) -> None:
    from serbench.cli.progress import study_listener
    from serbench.run.screening import screen
    from serbench.run.study import drive_study

    if asked.max_latency_ms is not None:
        bound = asked.max_latency_ms
        slow = screen(plan, app.plugins, app.workspace, app.database, bound)
        if slow is not None:
            click.echo(
                f"left out: {plan.backbone} takes {slow:.1f} ms (p90, one thread), "
                f"more than {bound:g}"
            )
            return
    with study_listener(plan, app.plugins) as listener:
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


def _show_result(app: App, plan: StudyPlan, entry: int) -> None:
    from serbench.model.machine import this_machine
    from serbench.run.study import latency_kind
    from serbench.views.reading import entry_view_here
    from serbench.views.study import gain_of

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
    if gain is not None:
        click.echo(gain.sentence)


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


study.add_command(list_command)
study.add_command(show_command)
