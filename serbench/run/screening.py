"""Leave out backbones with a high latency before the search."""

from __future__ import annotations

from serbench.deploy.latency import LatencyJob, measure_latency
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
) -> float | None:
    """Measure an untrained network of the plan's backbone, in a fresh process, on one thread.

    The searched parameters do not affect the latency. A study that has begun is not measured again,
    since its backbone was fast enough: on a busy machine it might now seem too slow.

    Returns:
        the 90th percentile of the latency in milliseconds if it is above ``max_latency_ms``,
        otherwise None.

    Raises:
        SerbenchError: a name is unknown, or the measurement failed.
    """
    if standings(database, plan):
        return None
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
    p90 = measure_latency(job).p90
    return p90 if p90 > max_latency_ms else None
