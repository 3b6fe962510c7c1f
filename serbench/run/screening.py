"""Leave out what would be too slow to ship, before anything is searched."""

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

    Nothing that a study searches changes how long an answer takes. A study that has begun is not
    measured again: it was fast enough, and a busy moment shall not end it.

    Returns:
        the time that nine answers in ten stay under, in milliseconds, where it is more than
        ``max_latency_ms``; else None.

    Raises:
        SerbenchError: an unknown name, or the measuring failed.
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
