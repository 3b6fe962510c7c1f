"""What is measured of the network of an entry: its size and its latency."""

from __future__ import annotations

import torch

from serbench.deploy.latency import LatencyJob, kind_of, measure_latency
from serbench.deploy.network import trained_network
from serbench.model.complexity import Complexity, measure_complexity
from serbench.model.machine import this_machine
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.search.plan import StudyPlan
from serbench.store.artifacts import read_arrays
from serbench.store.machines import LatencyKind
from serbench.store.predictions import EAGER
from serbench.store.systems import SystemRecord, Systems
from serbench.workspace import Workspace


def complete_entry(
    entry: int,
    plan: StudyPlan,
    plugins: Plugins,
    systems: Systems,
    workspace: Workspace,
    listener: Listener,
) -> None:
    """Add the size of an entry's network and its latency on this machine, if they are missing."""
    if not systems.has_complexity(entry):
        systems.save_complexity(entry, _complexity(systems.record(entry), plugins, workspace))
    _measure(entry, plan, plugins, systems, workspace, listener)


def is_complete(entry: int, plan: StudyPlan, plugins: Plugins, systems: Systems) -> bool:
    """Whether size and latency of an entry's network on this machine are known."""
    return systems.has_complexity(entry) and not _missing(entry, plan, plugins, systems)


def _missing(entry: int, plan: StudyPlan, plugins: Plugins, systems: Systems) -> list[int]:
    """The numbers of threads whose latency on this machine is missing."""
    machine = this_machine()
    return [
        threads
        for threads in sorted({1, machine.cores})
        if not systems.is_measured(entry, machine, latency_kind(plan, plugins, threads))
    ]


def _complexity(record: SystemRecord, plugins: Plugins, workspace: Workspace) -> Complexity:
    """The size of an entry's network."""
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256)
    network = trained_network(record.recipe, plugins, len(record.emotions), arrays)
    return measure_complexity(network, torch.zeros(1, record.recipe.clip_format.samples))


def latency_kind(plan: StudyPlan, plugins: Plugins, threads: int = 1) -> LatencyKind:
    """The kind of latency that is measured for a plan in this environment at a thread count."""
    return kind_of(plugins.runtimes.get(EAGER), threads, plan.clip_format)


def _measure(
    entry: int,
    plan: StudyPlan,
    plugins: Plugins,
    systems: Systems,
    workspace: Workspace,
    listener: Listener,
) -> None:
    """Measure the latencies that are missing for this machine and the present libraries."""
    machine, record = this_machine(), systems.record(entry)
    weights = workspace.artifacts / record.file
    for threads in _missing(entry, plan, plugins, systems):
        read_arrays(weights, record.sha256, entry)  # raises if the file is lost or changed
        listener.measuring(entry, threads)
        job = LatencyJob(
            recipe=record.recipe,
            n_classes=len(record.emotions),
            weights=str(weights),
            sha256=record.sha256,
            runtime=EAGER,
            threads=threads,
        )
        systems.save_latency(entry, machine, measure_latency(job))
