"""Latencies as they are shown, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from serbench.model.machine import Machine
from serbench.store.machines import LatencyKind
from serbench.store.schema_machines import LatencyRow, MachineRow

FASTEST = "fastest runtime of each entry"

Place = tuple[str, str, str, str, str, float | None]
"""Machine, its fingerprint, runtime, precision, libraries, clip length."""


@dataclass(frozen=True)
class LatencyView:
    """The latency for one clip on one machine, in one runtime, at one thread count.

    Attributes:
        p50: median in milliseconds, front end and network; None if it was not measured.
        p90: its 90th percentile.
        p99: its 99th percentile.
        front_end_p50: median of the front end alone, or None.
        network_p50: median of the network alone, or None.
        runtime: runtime of the network; empty if no latency was measured.
        precision: precision of the runtime; empty if it is unknown.
        threads: threads of the runtime; 0 if no latency was measured.
        clip_seconds: length of the clip that was classified, or None.
        libraries: libraries that influence the latency, with versions, such as
            ``python 3.11, torch 2.5.1``.
        environment: the same without the runtime's own library.
        fastest: whether the runtime was chosen as the fastest one of the entry; latencies in
            several runtimes are then compared.
        machine: computer, processor, cores, memory and system.
        machine_id: fingerprint of the machine.
        cores: number of its cores; 0 if it is unknown.
        runs: number of timed runs.
    """

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    front_end_p50: float | None = None
    network_p50: float | None = None
    runtime: str = ""
    precision: str = ""
    threads: int = 0
    clip_seconds: float | None = None
    libraries: str = ""
    environment: str = ""
    fastest: bool = False
    machine: str = "no latency"
    machine_id: str = ""
    cores: int = 0
    runs: int = 0

    @property
    def place(self) -> Place:
        """The facts that must be equal for latencies to be compared, without the thread count."""
        if self.fastest:
            runtime = (FASTEST, "", self.environment)
        else:
            runtime = (self.runtime, self.precision, self.libraries)
        return (self.machine, self.machine_id, *runtime, self.clip_seconds)

    @property
    def place_text(self) -> str:
        """The same as text: machine, runtime, libraries, clip length."""
        _, _, name, precision, libraries, _ = self.place
        more = [part for part in (precision, libraries) if part]
        runtime = f"{name} ({', '.join(more)})" if more else name
        clips = [] if self.clip_seconds is None else [f"clips of {self.clip_seconds:g} s"]
        return " · ".join([self.machine, ", ".join([runtime, *clips])])


NOT_MEASURED = LatencyView()

LATENCY_COLUMNS = (
    *(LatencyRow.system_id, LatencyRow.kind),
    *(LatencyRow.p50, LatencyRow.p90, LatencyRow.p99),
    *(LatencyRow.front_end_p50, LatencyRow.network_p50, LatencyRow.runs),
    *(MachineRow.fingerprint, MachineRow.facts),
)
"""The columns of a latency for rankings."""


def read_latencies(
    session: Session, threads: int | None, system: int | None
) -> tuple[dict[int, list[LatencyView]], set[int]]:
    """The latencies of each system, and the systems with any latency."""
    query = select(*LATENCY_COLUMNS).join(MachineRow).order_by(LatencyRow.id)
    if system is not None:
        query = query.where(LatencyRow.system_id == system)
    newest: dict[int, dict[tuple[object, ...], LatencyView]] = defaultdict(dict)
    ever = set()
    for row in session.execute(query).mappings():
        ever.add(row["system_id"])
        view = latency_of(row)
        if threads in (None, view.threads):
            # A later latency, with other library versions, replaces an earlier one.
            alike = (view.machine_id, view.runtime, view.precision, view.threads, view.clip_seconds)
            newest[row["system_id"]][alike] = view
    return {system: list(views.values()) for system, views in newest.items()}, ever


def latency_of(row: RowMapping) -> LatencyView:
    """One latency, from ``LATENCY_COLUMNS``."""
    machine, kind = Machine(**row["facts"]), LatencyKind.from_dict(row["kind"])
    times = ("p50", "p90", "p99", "front_end_p50", "network_p50", "runs")
    return LatencyView(
        **{name: row[name] for name in times},
        runtime=kind.runtime,
        precision=kind.precision,
        threads=kind.threads,
        clip_seconds=kind.clip_seconds,
        libraries=_listed(kind.libraries),
        environment=_listed({k: v for k, v in kind.libraries.items() if k != kind.runtime}),
        machine=", ".join(part for part in (machine.name, machine.system) if part),
        machine_id=row["fingerprint"],
        cores=machine.cores,
    )


def _listed(libraries: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in libraries.items())
