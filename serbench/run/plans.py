"""Studies as command line, study file and defaults ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.cli.app import App
from serbench.cli.corpus import DEMO, fetch_demo
from serbench.cli.output import errors

if TYPE_CHECKING:
    from serbench.registry import Registry
    from serbench.search.plan import StudyPlan

DEFAULTS: dict[str, Any] = {
    "schedule": ("half-cycle",),
    "protocol": ("speaker-5",),
    "weights": "default",
    "trials": 10,
    "epochs": 100,
    "batch_size": 32,
    "seed": 0,
    "timeout": None,
    "augmentations": ("time-shift", "frequency-mask", "time-mask", "gain", "noise"),
    "bounds": {},
    "max_latency_ms": None,
    "exhaustive": False,
    "precision": None,
    "threads": None,
    "jobs": None,
    "recalibrate": False,
}

ENTRY = "entry:"


def separated(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; ``none`` for no name at all."""
    if text is None:
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(","))


@dataclass(frozen=True)
class Order:
    """What a user asks for.

    Attributes:
        plans: one for each backbone, schedule and protocol.
        max_latency_ms: that they have to keep below, or None.
        jobs: trainings at once; 0 for one in this process, None for what is fastest.
        recalibrate: whether to time what is fastest also where that is known.
    """

    plans: list[StudyPlan]
    max_latency_ms: float | None
    jobs: int | None
    recalibrate: bool


def make_order(app: App, study_file: Path | None, options: dict[str, Any]) -> Order:
    """What command line, study file and defaults add up to, in this order.

    Raises:
        SerbenchError: an unknown name or a value that cannot be.
    """
    from serbench.errors import UsageError
    from serbench.run.study_file import read_study_file

    given = {name: value for name, value in options.items() if value not in (None, ())}
    if options.get("augmentations") == ():
        given["augmentations"] = ()
    if study_file is not None:
        registries: dict[str, Registry[Any]] = {
            "backbone": app.plugins.backbones,
            "front_end": app.plugins.front_ends,
            "schedule": app.plugins.schedulers,
            "augmentations": app.plugins.augmentations,
        }
        given = {**read_study_file(study_file, registries), **given}
    if "backbone" not in given:
        raise UsageError("which backbone? --backbone homebrew, or any timm name")
    settings = {**DEFAULTS, **given}
    max_latency_ms, jobs, recalibrate = (
        settings.pop(name) for name in ("max_latency_ms", "jobs", "recalibrate")
    )
    nested = settings.pop("nested", None)
    backbones, schedules, protocols = (
        settings.pop(name) for name in ("backbone", "schedule", "protocol")
    )
    if nested is not None:
        protocols = [f"{protocol}:nested-{nested}" for protocol in protocols]
    _check_names(app, backbones, schedules, protocols, settings)
    settings["dataset"] = _dataset(app, settings.get("dataset"))
    plans = [
        _plan(app, backbone, schedule, protocol, settings)
        for backbone, schedule, protocol in product(backbones, schedules, protocols)
    ]
    return Order(plans, max_latency_ms, jobs, recalibrate)


def _check_names(
    app: App,
    backbones: Sequence[str],
    schedules: Sequence[str],
    protocols: Sequence[str],
    settings: Mapping[str, Any],
) -> None:
    """Meet every unknown name before anything is fetched, scanned or measured."""
    from serbench.data.protocols import parse_protocol
    from serbench.search.space import check_bounds

    for name in backbones:
        app.plugins.backbones.get(name)
    for name in schedules:
        app.plugins.schedulers.get(name)
    for name in protocols:
        parse_protocol(name)
    if "front_end" in settings:
        app.plugins.front_ends.get(settings["front_end"])
    augmentations = [app.plugins.augmentations.get(name) for name in settings["augmentations"]]
    check_bounds(settings["bounds"], augmentations)


def _plan(
    app: App, backbone: str, schedule: str, protocol: str, settings: dict[str, Any]
) -> StudyPlan:
    from serbench.data.protocols import parse_protocol
    from serbench.run.study import clip_format_for
    from serbench.search.plan import StudyPlan
    from serbench.store.datasets import Datasets

    settings = {"front_end": app.plugins.backbones.get(backbone).front_end, **settings}
    settings["augmentations"] = tuple(settings["augmentations"])
    manifest = Datasets(app.database).manifest(settings["dataset"])
    settings["weights"] = _weights(app, settings["weights"], backbone, manifest.emotions)
    return StudyPlan(
        backbone=backbone,
        schedule=schedule,
        protocol=parse_protocol(protocol).name,
        dataset_hash=manifest.hash,
        clip_format=clip_format_for(app.plugins, settings["front_end"]),
        **settings,
    )


def _weights(app: App, weights: str, backbone: str, emotions: tuple[str, ...]) -> str:
    """``default``, ``none``, or the path of a file; an entry's network becomes one."""
    from serbench.errors import UsageError
    from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
    from serbench.run.warm_start import warm_start

    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return weights
    if not weights.startswith(ENTRY):
        return str(Path(weights).absolute())
    number = weights.removeprefix(ENTRY)
    if not number.isdecimal():
        raise UsageError(f"--weights {weights}: give an entry of the leaderboard, such as entry:1")
    path = warm_start(
        int(number),
        app.plugins.backbones.get(backbone),
        emotions,
        app.database,
        app.workspace,
    )
    return str(path)


def _dataset(app: App, name: str | None) -> str:
    """The dataset asked for; without a name the only one, or the demo where there is none."""
    from serbench.errors import UsageError
    from serbench.store.datasets import Datasets

    names = [account["name"] for account in Datasets(app.database).datasets()]
    if name is None and len(names) > 1:
        raise UsageError(f"which dataset? --dataset takes one of {', '.join(names)}")
    if name is None and not names:
        errors().print("nothing is scanned yet")
    chosen = name or (names[0] if names else DEMO)
    if chosen == DEMO and DEMO not in names:
        fetch_demo(app)
    return chosen
