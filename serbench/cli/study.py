"""``serbench study``: search the best setting of a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.corpus import DEMO, fetch_demo
from serbench.cli.output import emit_json, emit_table, errors

if TYPE_CHECKING:
    from serbench.search.plan import StudyPlan

DEFAULTS: dict[str, Any] = {
    "schedule": "half-cycle",
    "protocol": "speaker-5",
    "weights": "default",
    "trials": 10,
    "epochs": 100,
    "batch_size": 32,
    "seed": 0,
    "timeout": None,
    "augmentations": ("time-shift", "frequency-mask", "time-mask", "gain", "noise"),
}

FORMAT = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.group()
def study() -> None:
    """Search the best setting of a backbone."""


@study.command("run")
@click.option("--backbone", metavar="NAME", help="homebrew, any timm name, or a plugin's.")
@click.option("--dataset", metavar="NAME", help="A scanned dataset. [default: the only one]")
@click.option("--front-end", metavar="NAME", help="[default: the backbone's own, mostly mel]")
@click.option("--schedule", metavar="NAME", help="[default: half-cycle]")
@click.option(
    "--protocol",
    metavar="RULE",
    help="speaker-K, random-K (speaker-dependent) or corpus, with @SEED for another split. "
    "[default: speaker-5]",
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
    metavar="NAME,…",
    callback=lambda ctx, parameter, text: _names(text),
    help="Whose widths to search. [default: time-shift,frequency-mask,time-mask,gain,noise]",
)
@click.option("--weights", metavar="default|none|FILE", help="[default: default]")
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

    Interrupted in any way, the same command goes on where it stopped.
    """
    from serbench.cli.progress import study_listener
    from serbench.deploy.driver import drive_study
    from serbench.model.allocator import keep_freed_memory
    from serbench.results.leaderboard import read_rankings

    keep_freed_memory()
    plan = make_plan(app, study_file, options)
    with study_listener(plan) as listener:
        entry = drive_study(plan, app.plugins, app.workspace, app.database, listener)
    rows = [row for ranking in read_rankings(app.database) for row in ranking.rows]
    row = next(row for row in rows if row.entry == entry)
    note = ", synthetic speech" if row.synthetic else ""
    click.echo(
        f"entry {entry}: {row.backbone} on {row.dataset}{note}, {row.protocol}: "
        f"UA {100 * row.uar:.1f} WA {100 * row.accuracy:.1f} on the exam, "
        f"UA {100 * row.cv_uar_mean:.1f} ± {100 * row.cv_uar_sd:.1f} over the folds, "
        f"{row.latency_ms_p90:.1f} ms (p90, one thread)"
    )
    click.echo("now: serbench leaderboard")


def _names(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; ``none`` for no name at all."""
    if text is None:
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(","))


def make_plan(app: App, study_file: Path | None, options: dict[str, Any]) -> StudyPlan:
    """The plan that command line, study file and defaults add up to, in this order.

    Raises:
        SerbenchError: an unknown name or a value that cannot be.
    """
    from serbench.data.protocols import parse_protocol
    from serbench.deploy.driver import clip_format_for
    from serbench.errors import UsageError
    from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
    from serbench.results.datasets import Datasets
    from serbench.search.plan import StudyPlan, read_study_file

    given = {name: value for name, value in options.items() if value is not None}
    if study_file is not None:
        registries = {
            "backbone": app.plugins.backbones,
            "front_end": app.plugins.front_ends,
            "schedule": app.plugins.schedulers,
        }
        given = {**read_study_file(study_file, registries), **given}
    if "backbone" not in given:
        raise UsageError("which backbone? --backbone homebrew, or any timm name")
    settings = {**DEFAULTS, **given}
    backbone = app.plugins.backbones.get(settings["backbone"])
    settings.setdefault("front_end", backbone.front_end)
    app.plugins.front_ends.get(settings["front_end"])
    app.plugins.schedulers.get(settings["schedule"])
    for name in settings["augmentations"]:
        app.plugins.augmentations.get(name)
    settings["protocol"] = parse_protocol(settings["protocol"]).name
    if settings["weights"] not in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        settings["weights"] = str(Path(settings["weights"]).absolute())
    settings["dataset"] = _dataset(app, settings.get("dataset"))
    manifest = Datasets(app.database).manifest(settings["dataset"])
    return StudyPlan(
        **settings,
        dataset_hash=manifest.hash,
        clip_format=clip_format_for(app.plugins, settings["front_end"]),
    )


def _dataset(app: App, name: str | None) -> str:
    """The dataset asked for; without a name the only one, or the demo where there is none."""
    from serbench.errors import UsageError
    from serbench.results.datasets import Datasets

    names = [account["name"] for account in Datasets(app.database).datasets()]
    if name is None and len(names) > 1:
        raise UsageError(f"which dataset? --dataset takes one of {', '.join(names)}")
    if name is None and not names:
        errors().print("nothing is scanned yet")
    chosen = name or (names[0] if names else DEMO)
    if chosen == DEMO and DEMO not in names:
        fetch_demo(app)
    return chosen


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
                row["protocol"],
                f"{row['trials']}/{row['of']}",
                _percent(row["best_mean_uar"]),
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
            f"{_percent(entry['uar'])} WA {_percent(entry['accuracy'])}, weights {entry['weights']}"
        )


def _trial_cells(trial: dict[str, Any]) -> list[str]:
    parameters = trial["parameters"]
    widths = {name.partition(":")[2]: value for name, value in parameters.items() if ":" in name}
    return [
        str(trial["trial"]),
        trial["state"],
        _percent(trial["mean_uar"]),
        f"{parameters['learning_rate']:.2g}",
        str(parameters["freeze_depth"]),
        " ".join(f"{name} {value:.2g}" for name, value in widths.items()),
        " ".join(_percent(fold["uar"]) for fold in trial["folds"] if fold["fold"] != "exam"),
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
