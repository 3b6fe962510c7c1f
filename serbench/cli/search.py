"""``serbench search``: from recordings to a leaderboard in one command."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets_and_folders
from serbench.cli.output import counted, emit_json, emit_table, emit_text, format_option, percent
from serbench.cli.remarks import counting, next_command, remark
from serbench.cli.study_options import study_options
from serbench.errors import MissingPackageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from serbench.cli.export import Written
    from serbench.data.manifest import Manifest
    from serbench.execute.executor import Executor
    from serbench.run.search import Placed
    from serbench.search.plan import StudyPlan
    from serbench.views.ranking import RankingView
    from serbench.views.recommendation import RecommendationView


@click.command("search", cls=Command)
@click.argument("target", metavar="FOLDER|DATASET", shell_complete=datasets_and_folders)
@click.option(
    "--minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Spend about this time on the whole search, with earlier runs of the same command.",
)
@click.option(
    "--emotions",
    metavar="A,B,…",
    help="Keep recordings of these emotions when FOLDER is scanned, as in `serbench corpus scan`. "
    "[default: sadness, anger, disgust, fear, happiness and neutral]",
)
@click.option(
    "--weights",
    "pairs",
    multiple=True,
    metavar="BACKBONE=FILE",
    help="Begin with the weights in this file instead of the published ones; may be given several "
    "times, once for each backbone. [default: the published weights, which are downloaded]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the recommended network to this file, as `serbench export` does. "
    "[default: DATASET.onnx in the current folder]",
)
@study_options(
    *("backbone", "protocol", "epochs", "max_latency_ms", "precision", "threads"),
    *("executor", "address", "jobs"),
    several={"backbone": " It may be given several times, once for each candidate."},
)
@format_option("text", "json")
@common_options
@pass_app
def search(
    app: App,
    /,
    target: str,
    minutes: float,
    emotions: str | None,
    pairs: tuple[str, ...],
    out: Path | None,
    max_latency_ms: float | None,
    executor: str | None,
    address: str | None,
    jobs: int | None,
    format_: str,
    **options: Any,
) -> None:
    """Find the best system for the recordings in FOLDER, or for a scanned DATASET.

    The folder is scanned, unless it is unchanged, as the dataset with the folder's name, and
    possible defects are listed. Each candidate is tried once; the better half gets more trials, and
    the better half of these again more. Then each candidate becomes an entry: its best
    configuration is trained on all clips, and its latency is measured. The rest of the time is for
    more trials of the best one. The recommended network is exported as one file. After an
    interruption, the same command continues, and so it does with more minutes.
    """
    began = time.monotonic()
    from serbench.execute.executor import PROCESSES, executor_of
    from serbench.run.candidates import plan_candidates, weights_of

    asked = {name: value for name, value in options.items() if value not in (None, ())}
    weights = weights_of(pairs)
    manifest = _dataset(app, target, emotions)
    remark("loading PyTorch and the plugins")
    plans, missing = plan_candidates(
        asked, weights, manifest, app.plugins, app.database, app.workspace
    )
    for each in missing:
        remark(f"{each.backbone} is left out: {each.reason}")
    if any("--weights" in each.reason for each in missing):
        remark("in a search, write --weights BACKBONE=FILE")
    _warn(app, manifest, plans)
    chosen = executor_of(executor or PROCESSES, address)
    placed = _race(app, plans, minutes, max_latency_ms, chosen, jobs, began)
    _conclude(app, manifest, next(iter(plans.values())), placed, max_latency_ms, out, format_)


def _conclude(
    app: App,
    manifest: Manifest,
    plan: StudyPlan,
    placed: Sequence[Placed],
    max_latency_ms: float | None,
    out: Path | None,
    format_: str,
) -> None:
    """Recommend an entry, write it as a file, and print both and what became of each candidate."""
    from serbench.cli.export import show_written

    shown = _ranked(app, manifest, plan, placed)
    recommended = _recommended(app, manifest, shown, max_latency_ms)
    entry = recommended.entry
    if format_ == "json":
        written = None
        if entry is not None:
            written, reason = _write(app, entry, out, manifest.name)
            if reason:
                remark(f"the network was not exported: {reason}")
        emit_json(
            {
                "dataset": manifest.name,
                "candidates": [asdict(each) for each in placed],
                "recommendation": recommended.as_dict(),
                "export": None if written is None else written.as_dict(),
            }
        )
        return
    _show(app, placed, shown, recommended)
    if entry is not None:
        click.echo()
        written, reason = _write(app, entry, out, manifest.name)
        if written is None:
            emit_text(f"the network was not exported: {reason}, then `serbench export {entry}`")
            return
        show_written(written)
        next_command(f"serbench predict {written.made.path} RECORDING")


def _dataset(app: App, target: str, emotions: str | None) -> Manifest:
    """The dataset of that name, or the folder's, which is scanned if it is new or has changed."""
    from serbench.cli.corpus import scan_into
    from serbench.run.scanning import dataset_of, is_unchanged, scan_options
    from serbench.store.datasets import Datasets

    path, name = dataset_of(target, app.database)
    if path is not None:
        options = scan_options(emotions)
        if is_unchanged(path, name, app.database, options):
            remark(f"{path} is unchanged since its last scan as dataset {name}")
        else:
            scan_into(app, (path,), name, options)
    manifest = Datasets(app.database).manifest(name)
    account = Datasets(app.database).dataset_account(name)
    clips, speakers = counted(len(manifest), "recording"), counted(account["speakers"], "speaker")
    remark(
        f"dataset {name}: {clips}, {speakers}, {', '.join(manifest.emotions)}; skipped "
        f"{counted(sum(account['skipped'].values()), 'file')} (`serbench corpus show {name}`)"
    )
    return manifest


def _warn(app: App, manifest: Manifest, plans: Mapping[str, StudyPlan]) -> None:
    """Print the possible defects of the dataset, unless the search has begun before."""
    from serbench.cli.corpus_doctor import show_warnings
    from serbench.data.doctor.inspection import inspect
    from serbench.store.datasets import Datasets
    from serbench.store.studies import standings

    if any(standings(app.database, plan) for plan in plans.values()):
        return
    corpora = {corpus.name: corpus for corpus in app.plugins.corpora}
    account = Datasets(app.database).dataset_account(manifest.name)
    with counting("recordings read") as progress:
        findings = inspect(manifest, corpora, account.get("defects", ()), progress)
    Datasets(app.database).save_findings(manifest.name, findings)
    show_warnings(manifest, findings)


def _race(
    app: App,
    plans: Mapping[str, StudyPlan],
    minutes: float,
    max_latency_ms: float | None,
    chosen: AbstractContextManager[Executor],
    jobs: int | None,
    began: float,
) -> list[Placed]:
    from serbench.cli.search_progress import search_listener
    from serbench.run.search import Race

    first = next(iter(plans.values()))
    remark(
        f"{counted(len(plans), 'candidate')}, {first.protocol}, {minutes:g} minutes: "
        f"{', '.join(plans)}"
    )
    with chosen as executor, search_listener(60 * minutes) as listener:
        race = Race(
            plans,
            minutes,
            max_latency_ms,
            app.plugins,
            app.workspace,
            app.database,
            listener,
            executor,
            jobs,
            began=began,
        )
        return race.run()


def _ranked(
    app: App, manifest: Manifest, plan: StudyPlan, placed: Sequence[Placed]
) -> list[RankingView]:
    """The rankings in which the candidates are."""
    from serbench.views.ranking import rankings

    found = rankings(app.database, manifest.name, protocol=plan.protocol)
    entries = {each.entry for each in placed}
    return [each for each in found if entries & {row.entry for row in each.rows}]


def _recommended(
    app: App, manifest: Manifest, shown: Sequence[RankingView], max_latency_ms: float | None
) -> RecommendationView:
    from serbench.views.eligible import Wanted
    from serbench.views.recommendation import recommend

    protocol = shown[0].rows[0].protocol_id
    return recommend(app.database, Wanted(manifest.name, protocol, max_latency_ms=max_latency_ms))


def _show(
    app: App,
    placed: Sequence[Placed],
    shown: Sequence[RankingView],
    recommended: RecommendationView,
) -> None:
    """Print what became of each candidate, the leaderboard, and the recommendation."""
    from serbench.cli.leaderboard_table import show_rankings

    emit_table(
        ["candidate", ">trials", ">best UA in CV", ">entry"],
        [
            [
                each.backbone,
                str(each.trials),
                percent(each.uar),
                "not ranked" if each.entry is None else str(each.entry),
            ]
            for each in placed
        ],
    )
    for each in placed:
        if each.reason:
            emit_text(f"{each.backbone} is not ranked: {each.reason}")
    click.echo()
    metrics = [app.plugins.metrics.get(name) for name in ("uar", "accuracy")]
    show_rankings(shown, metrics, "table", per_clip=False)
    click.echo()
    for sentence in recommended.sentences:
        emit_text(sentence)


def _write(app: App, entry: int, out: Path | None, dataset: str) -> tuple[Written | None, str]:
    """Write the recommended network; without a file named, a missing package is no error.

    Returns:
        what was written, or None with the reason why nothing was.
    """
    from serbench.cli.export import write_entry

    try:
        return write_entry(app, entry, out or Path(f"{dataset}.onnx"), "fp32"), ""
    except MissingPackageError as error:
        if out is not None:
            raise
        return None, str(error)
