"""Refuse backbones with a high latency before the search."""

from __future__ import annotations

from serbench.deploy.latency import LatencyJob, measure_latency
from serbench.errors import TooSlowError
from serbench.plugins import Plugins
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.predictions import EAGER
from serbench.store.studies import standings
from serbench.workspace import Workspace


def screen(
    plan: StudyPlan,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    max_latency_ms: float,
) -> None:
    """Measure an untrained network of the plan's backbone, in a fresh process, on one thread.

    The searched parameters do not affect the latency. A study that has begun is not measured again,
    since its backbone was fast enough: on a busy machine it might now seem too slow.

    Raises:
        TooSlowError: the 90th percentile of its latency is above ``max_latency_ms``.
        SerbenchError: a name is unknown, or the measurement failed.
    """
    if standings(database, plan):
        return
    check_latency(plan, untrained_latency(plan, plugins, database), max_latency_ms)


def untrained_latency(plan: StudyPlan, plugins: Plugins, database: Database) -> float:
    """The 90th percentile of an untrained network's latency in milliseconds, on one thread.

    Raises:
        SerbenchError: a name is unknown, or the measurement failed.
    """
    plugins.backbones.get(plan.backbone)
    manifest = Datasets(database).manifest(plan.dataset, plan.dataset_hash)
    job = LatencyJob(
        recipe=plan.recipe,
        n_classes=len(manifest.emotions),
        weights=None,
        sha256=None,
        runtime=EAGER,
        threads=1,
    )
    return measure_latency(job).p90


def check_latency(plan: StudyPlan, p90: float, max_latency_ms: float) -> None:
    """Refuse a backbone with a high latency.

    Args:
        plan: plan of its study.
        p90: 90th percentile of its latency in milliseconds.
        max_latency_ms: the highest one that is allowed.

    Raises:
        TooSlowError: the latency is higher.
    """
    if p90 > max_latency_ms:
        raise TooSlowError(
            f"the latency of {plan.backbone} is {p90:.1f} ms (p90, one thread), above "
            f"--max-latency-ms {max_latency_ms:g}: give a larger number, or a smaller --backbone",
            backbone=plan.backbone,
            p90=p90,
            max_latency_ms=max_latency_ms,
        )
