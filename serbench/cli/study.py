"""``serbench study``: search for the best configuration of a backbone; reproduce an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import entries
from serbench.cli.forecasts import announce_nested, show_forecasts, shown_value
from serbench.cli.output import (
    counted,
    emit_json,
    emit_text,
    format_option,
    milliseconds,
    percent,
    scored,
)
from serbench.cli.remarks import next_command, remark
from serbench.cli.studies import delete_command, list_command, show_command
from serbench.cli.study_options import study_options
from serbench.cli.watch import watch_command
from serbench.run.options import StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.execute.executor import Executor
    from serbench.run.reproduce import Repeated
    from serbench.search.plan import StudyPlan
    from serbench.views.entry import EntryView


@click.group(cls=Group)
def study() -> None:
    """Search for the best configuration of a backbone."""


@study.command("run")
@study_options(*(name for name in StudyOptions.model_fields if name != "search"))
@click.option(
    "--study",
    "study_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Read options from this file; options on the command line override it. [default: no file]",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the studies with their progress and their estimated time, and run none; by default "
    "they are run.",
)
@format_option("text", "json")
@common_options
@pass_app
def run_command(
    app: App, /, study_file: Path | None, dry_run: bool, format_: str, **options: Any
) -> None:
    """Search by cross-validation, train the winner on all clips, and measure its latency.

    Every speaker is tested by networks that were not trained on this speaker, and the score is
    corrected for the selection of the winner by the same tests. With a holdout or outer folds, the
    winner is tested on speakers who were not used by the search.

    Options that may be given several times are combined: each combination is a study, and the
    studies run one after another. After an interruption, the same command continues the study.
    More trials or more time continue it too; every other change of an option that affects results
    makes a new study.
    """
    remark("loading PyTorch, the plugins and the dataset")
    from serbench.execute.executor import executor_of
    from serbench.run.planning import make_plans
    from serbench.run.study_file import read_options, with_candidates

    given = {name: value for name, value in options.items() if value not in (None, ())}
    asked = with_candidates(read_options(given, study_file, app.plugins), app.plugins)
    if dry_run:
        manifest = _dataset(app, asked.dataset, fetch=False)
        plans = make_plans(asked, manifest, app.plugins, app.database, app.workspace)
        show_forecasts(app, plans, manifest, asked.seeds, format_)
        return
    with executor_of(asked.executor, asked.address) as executor:
        manifest = _dataset(app, asked.dataset)
        plans = make_plans(asked, manifest, app.plugins, app.database, app.workspace)
        entries = _run_all(app, plans, asked, manifest, executor, format_)
    if format_ == "json":
        emit_json([entry.as_dict() for entry in entries])
    next_command("serbench leaderboard")


def _run_all(
    app: App,
    plans: Sequence[StudyPlan],
    asked: StudyOptions,
    manifest: Manifest,
    executor: Executor,
    format_: str,
) -> list[EntryView]:
    """Run studies one after another; if one fails, the others still run."""
    from serbench.errors import SerbenchError, TooSlowError
    from serbench.run.planning import differing

    named, failed = dict.fromkeys(("backbone", *differing(plans))), 0
    entries: list[EntryView] = []
    for number, plan in enumerate(plans, start=1):
        if len(plans) > 1:
            what = ", ".join(filter(None, (shown_value(plan, name) for name in named)))
            remark(f"{number} of {counted(len(plans), 'study')}: {what}")
        try:
            entries.append(_run(app, plan, asked, manifest, executor, format_))
        except TooSlowError as error:
            remark(f"left out: {error}")
        except SerbenchError as error:
            if len(plans) == 1 or app.debug:
                raise
            click.echo(f"error: {error}", err=True)
            failed += 1
    if failed:
        raise SerbenchError(
            f"{failed} of {len(plans)} studies failed: correct the errors above and run the same "
            "command again, which continues them",
            failed=failed,
        )
    if not entries:
        raise SerbenchError(
            "no study was run, since the latency of every backbone is above --max-latency-ms "
            f"{asked.max_latency_ms:g}: give a larger number, or a smaller --backbone",
            max_latency_ms=asked.max_latency_ms,
        )
    return entries


def _dataset(app: App, name: str | None, fetch: bool = True) -> Manifest:
    """The dataset of that name; without a name the only one, or the demo where there is none.

    Raises:
        DatasetError: there is no dataset, and the demo is not to be fetched.
    """
    from serbench.cli.corpus import DEMO, fetch_demo
    from serbench.errors import DatasetError
    from serbench.run.planning import chosen_dataset
    from serbench.store.datasets import Datasets

    datasets = Datasets(app.database)
    chosen = chosen_dataset(app.database, name, otherwise=DEMO)
    if chosen == DEMO and not (app.database.exists and datasets.has_dataset(DEMO)):
        if name is None:
            remark("the database has no dataset yet")
        if not fetch:
            raise DatasetError(
                "the demo corpus would be studied, but was not made yet: run `serbench corpus "
                "fetch demo` and the command that it prints, or `serbench corpus scan FOLDER "
                "--dataset NAME` for other recordings",
                dataset=DEMO,
            )
        fetch_demo(app)
    return datasets.manifest(chosen)


def _run(
    app: App,
    plan: StudyPlan,
    asked: StudyOptions,
    manifest: Manifest,
    executor: Executor,
    format_: str,
) -> EntryView:
    """Run one study, and print its entry as text."""
    from serbench.cli.progress_bars import study_listener
    from serbench.run.call import run_plan
    from serbench.run.clip_format import explain_format
    from serbench.run.planning import explain_augmentations

    reasons = [
        explain_format(plan, asked, manifest, app.plugins),
        explain_augmentations(plan, asked),
    ]
    announce_nested(app, plan, manifest, asked.seeds)
    with study_listener(plan, app.plugins, reasons) as listener:
        entry = run_plan(plan, asked, app.plugins, app.workspace, app.database, listener, executor)
    return _result(app, plan, entry, format_)


def _result(app: App, plan: StudyPlan, entry: int, format_: str) -> EntryView:
    """An entry with its latency on this machine, which is printed as text."""
    from serbench.model.machine import this_machine
    from serbench.run.completion import latency_kind
    from serbench.views.reading import entry_view_here

    kind = latency_kind(plan, app.plugins)
    found = entry_view_here(app.database, entry, this_machine(), kind)
    if format_ == "text":
        _show(app, found)
    return found


def _show(app: App, found: EntryView) -> None:
    from serbench.views.gain import budget_note, gain_of
    from serbench.views.seeds import seeds_view

    entry = found.entry
    plain = found.as_dict()
    note = f", {found.note}" if found.note else ""
    emit_text(
        f"entry {entry}: {plain['backbone']} on {plain['dataset']}{note}, {plain['protocol']}: "
        f"UA {scored(plain['uar'], plain['uar_ci'])}, "
        f"WA {scored(plain['accuracy'], plain['accuracy_ci'])} ({found.evidence_text}), "
        f"UA {percent(plain['cv_uar_mean'])} ± {percent(plain['cv_uar_sd'])} over the folds, "
        f"{milliseconds(plain['latency_ms_p90'])} ms (p90, one thread)"
    )
    gain = gain_of(app.database, entry)
    seeds = seeds_view(app.database, entry).sentences
    for line in (budget_note(app.database, entry), gain and gain.sentence, *seeds):
        if line:
            emit_text(line)


@study.command("reproduce")
@click.argument("entry", metavar="ENTRY", type=int, shell_complete=entries)
@click.option(
    "--folds",
    is_flag=True,
    help="Repeat also the trainings on the folds that the winner was selected by; by default only "
    "those that the score comes from are repeated, and the last training.",
)
@study_options("executor", "address")
@format_option("text", "json")
@common_options
@pass_app
def reproduce_command(
    app: App, entry: int, folds: bool, executor: str | None, address: str | None, format_: str
) -> None:
    """Train ENTRY again and compare its logits with the recorded ones.

    The exit code is 0 if all logits are equal bit by bit, and 1 otherwise. If they are equal, a
    weights file that was lost or changed is saved again.
    """
    from serbench.data.protocols import shown_fold
    from serbench.errors import SerbenchError
    from serbench.execute.executor import PROCESSES, executor_of
    from serbench.run.listener import Listener
    from serbench.run.reproduce import changes_since, reproduce

    changes = changes_since(app.database, entry)
    say = click.echo if format_ == "text" else remark
    for name, (before, now) in changes.items():
        say(f"{name}: {before} before, {now} now")
    differing, repeated = [], []
    with executor_of(executor or PROCESSES, address) as chosen:
        for each in reproduce(
            entry, app.plugins, app.workspace, app.database, Listener(), folds, chosen
        ):
            fold = shown_fold(each.fold, tested=each.clips > 0)
            place = f"fold {fold}" if isinstance(fold, int) else fold
            if each.outer_fold:
                place = f"outer fold {each.outer_fold + 1}, {place}"
            say(_repeated(place, each))
            if each.restored:
                say(f"{place}: its weights file was missing or changed, and is saved again")
            if not each.agrees:
                differing.append(place)
            repeated.append(asdict(each) | {"fold": fold, "outer_fold": each.outer_fold + 1})
    if format_ == "json":
        emit_json({"entry": entry, "changes": changes, "trainings": repeated})
    if differing:
        raise SerbenchError(
            f"entry {entry} was not reproduced ({', '.join(differing)}): "
            + (
                "the changes of the environment are listed above"
                if changes
                else "no recorded property of the environment has changed"
            ),
            differing=tuple(differing),
        )
    if format_ == "text":
        click.echo(f"entry {entry} reproduced")


def _repeated(place: str, each: Repeated) -> str:
    """A sentence on one training that was repeated."""
    if not each.clips:
        weights = "all weights equal" if each.agrees else "weights differ"
        return f"last training, on all clips: {weights}"
    scores = f"UA {percent(each.before)} before, {percent(each.now)} now"
    same = "all logits equal" if each.agrees else f"logits differ by up to {each.largest:g}"
    return f"{place}: {counted(each.clips, 'clip')}, {scores}, {same}"


for command in (list_command, show_command, watch_command, delete_command):
    study.add_command(command)
