"""``serbench search``: from recordings to a leaderboard in one command."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.output import counted, counting, emit_table, emit_text, percent
from serbench.cli.study_options import study_options
from serbench.errors import MissingPackageError

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.run.search import Placed
    from serbench.search.plan import StudyPlan


@click.command("search", cls=Command)
@click.argument("target", metavar="FOLDER|DATASET")
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
    *("backbone", "protocol", "epochs", "max_latency_ms", "precision", "threads", "jobs"),
    several={"backbone": " It may be given several times, once for each candidate."},
)
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
    jobs: int | None,
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
    from serbench.run.candidates import plan_candidates, weights_of

    asked = {name: value for name, value in options.items() if value not in (None, ())}
    weights = weights_of(pairs)
    manifest = _dataset(app, target, emotions)
    click.echo("loading PyTorch and the plugins", err=True)
    plans, missing = plan_candidates(
        asked, weights, manifest, app.plugins, app.database, app.workspace
    )
    for each in missing:
        emit_text(f"{each.backbone} is left out: {each.reason}", err=True)
    if any("--weights" in each.reason for each in missing):
        emit_text("in a search, write --weights BACKBONE=FILE", err=True)
    _warn(app, manifest, plans)
    placed = _race(app, plans, minutes, max_latency_ms, jobs, began)
    entry = _show(app, manifest, next(iter(plans.values())), placed, max_latency_ms)
    if entry is not None:
        _export(app, entry, out, manifest.name)


def _dataset(app: App, target: str, emotions: str | None) -> Manifest:
    """The dataset of that name, or the folder's, which is scanned if it is new or has changed."""
    from serbench.cli.corpus import scan_into
    from serbench.run.scanning import dataset_of, is_unchanged, scan_options
    from serbench.store.datasets import Datasets

    path, name = dataset_of(target, app.database)
    if path is not None:
        options = scan_options(emotions)
        if is_unchanged(path, name, app.database, options):
            emit_text(f"{path} is unchanged since its last scan as dataset {name}", err=True)
        else:
            scan_into(app, (path,), name, options)
    manifest = Datasets(app.database).manifest(name)
    account = Datasets(app.database).dataset_account(name)
    clips, speakers = counted(len(manifest), "recording"), counted(account["speakers"], "speaker")
    emit_text(
        f"dataset {name}: {clips}, {speakers}, {', '.join(manifest.emotions)}; skipped "
        f"{counted(sum(account['skipped'].values()), 'file')} (`serbench corpus show {name}`)",
        err=True,
    )
    return manifest


def _warn(app: App, manifest: Manifest, plans: Mapping[str, StudyPlan]) -> None:
    """Print the possible defects of the dataset, unless the search has begun before."""
    from serbench.cli.doctor import show_warnings
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
    jobs: int | None,
    began: float,
) -> list[Placed]:
    from serbench.cli.search_progress import search_listener
    from serbench.execute.executor import executor_of
    from serbench.run.search import Race

    first = next(iter(plans.values()))
    emit_text(
        f"{counted(len(plans), 'candidate')}, {first.protocol}, {minutes:g} minutes: "
        f"{', '.join(plans)}",
        err=True,
    )
    with executor_of(jobs) as executor, search_listener(60 * minutes) as listener:
        race = Race(
            plans,
            minutes,
            max_latency_ms,
            app.plugins,
            app.workspace,
            app.database,
            listener,
            executor,
            jobs or None,
            began=began,
        )
        return race.run()


def _show(
    app: App,
    manifest: Manifest,
    plan: StudyPlan,
    placed: Sequence[Placed],
    max_latency_ms: float | None,
) -> int | None:
    """Print what became of each candidate, the leaderboard, and the recommendation.

    Returns:
        number of the recommended entry, or None.
    """
    from serbench.cli.leaderboard_table import show_rankings
    from serbench.views.eligible import Wanted
    from serbench.views.ranking import rankings
    from serbench.views.recommendation import recommend

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
    found = rankings(app.database, manifest.name, protocol=plan.protocol)
    entries = {each.entry for each in placed}
    shown = [each for each in found if entries & {row.entry for row in each.rows}]
    metrics = [app.plugins.metrics.get(name) for name in ("uar", "accuracy")]
    show_rankings(shown, metrics, "table", per_clip=False)
    click.echo()
    protocol = shown[0].rows[0].protocol_id
    wanted = Wanted(manifest.name, protocol, max_latency_ms=max_latency_ms)
    recommended = recommend(app.database, wanted)
    for sentence in recommended.sentences:
        emit_text(sentence)
    return recommended.entry


def _export(app: App, entry: int, out: Path | None, dataset: str) -> None:
    """Write the recommended network; without a file named, a missing package is no error."""
    from serbench.cli.export import show_written, write_entry

    click.echo()
    try:
        show_written(write_entry(app, entry, out or Path(f"{dataset}.onnx"), "fp32"))
    except MissingPackageError as error:
        if out is not None:
            raise
        emit_text(f"the network was not exported: {error}, then `serbench export {entry}`")
