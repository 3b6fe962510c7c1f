"""Latencies as they are shown, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import RowMapping, func, select
from sqlalchemy.orm import Session

from serbench.deploy.bench import BUSY
from serbench.model.machine import Machine
from serbench.store.database import Database
from serbench.store.machines import LatencyKind
from serbench.store.schema import SystemRow
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
        p50_low: lower end of the 95 % interval of the median, or None.
        p50_high: its upper end.
        p90_low: lower end of the 95 % interval of the 90th percentile, or None.
        p90_high: its upper end.
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
        load_ms: time from the file to a network that is ready, or None.
        memory_mb: largest growth of the process's memory by loading and running it, or None.
        file_mb: size of the exported file; None where the runtime executes no file.
        energy_mj: energy of the processor for one clip in millijoules, or None.
        quick: whether it was measured with fewer runs.
        busy: 90th percentile of the times of a reference task between the runs, divided by the
            fastest one; above 1.25 other programs were using the machine. None if it is unknown.
    """

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p50_low: float | None = None
    p50_high: float | None = None
    p90_low: float | None = None
    p90_high: float | None = None
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
    load_ms: float | None = None
    memory_mb: float | None = None
    file_mb: float | None = None
    energy_mj: float | None = None
    quick: bool = False
    busy: float | None = None

    @property
    def marks(self) -> str:
        """What limits the measurement, as text; empty if there is nothing."""
        busy = self.busy is not None and self.busy > BUSY
        return ", ".join([*["quick"] * self.quick, *["busy machine"] * busy])

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


@dataclass(frozen=True)
class EntryLatency:
    """A latency with its entry."""

    entry: int
    backbone: str
    latency: LatencyView

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"entry": self.entry, "backbone": self.backbone, **vars(self.latency)}


MEASURED = (
    *("p50", "p90", "p99", "p50_low", "p50_high", "p90_low", "p90_high"),
    *("front_end_p50", "network_p50", "runs"),
    *("load_ms", "memory_mb", "file_mb", "energy_mj", "quick", "busy"),
)
"""Fields of a latency that are columns of its row."""

LATENCY_COLUMNS = (
    *(getattr(LatencyRow, name) for name in MEASURED),
    *(LatencyRow.kind, MachineRow.fingerprint, MachineRow.facts),
)
"""The columns of a latency that is shown."""


def read_latencies(
    session: Session, threads: int | None, system: int | None
) -> tuple[dict[int, list[LatencyView]], set[int]]:
    """The latencies of each system, and the systems with any latency."""
    query = select(
        *(LatencyRow.system_id, LatencyRow.identity, LatencyRow.machine_id),
        *(getattr(LatencyRow, name) for name in MEASURED),
    ).order_by(LatencyRow.id)
    if system is not None:
        query = query.where(LatencyRow.system_id == system)
    alike = _read_alike(session)
    newest: dict[int, dict[tuple[object, ...], LatencyView]] = defaultdict(dict)
    ever = set()
    for number, identity, machine, *times in session.connection().execute(query).all():
        ever.add(number)
        shared = alike[identity, machine]
        if threads in (None, shared.threads):
            view = replace(shared, **dict(zip(MEASURED, times, strict=True)))
            # A later latency, with other library versions, replaces an earlier one.
            place = (view.machine_id, view.runtime, view.precision, view.threads, view.clip_seconds)
            newest[number][place] = view
    return {system: list(views.values()) for system, views in newest.items()}, ever


def _read_alike(session: Session) -> dict[tuple[str, int], LatencyView]:
    """Identity of the conditions and row of the machine → what their latencies have in common.

    Thousands of latencies have few conditions, which are stored as JSON with each of them.
    """
    first = select(func.min(LatencyRow.id)).group_by(LatencyRow.identity, LatencyRow.machine_id)
    query = (
        select(LatencyRow.identity, LatencyRow.machine_id, *LATENCY_COLUMNS)
        .join(MachineRow)
        .where(LatencyRow.id.in_(first))
    )
    return {
        (row["identity"], row["machine_id"]): latency_of(row)
        for row in session.execute(query).mappings()
    }


def latencies_of(
    database: Database, wanted: Iterable[tuple[int, Machine, LatencyKind]]
) -> list[EntryLatency]:
    """The latencies of entries on machines under conditions, by entry, threads and runtime."""
    found = []
    with database.session() as session:
        for number, machine, kind in wanted:
            query = (
                select(SystemRow.name, *LATENCY_COLUMNS)
                .select_from(LatencyRow)
                .join(MachineRow)
                .join(SystemRow)
                .where(
                    SystemRow.number == number,
                    MachineRow.fingerprint == machine.fingerprint,
                    LatencyRow.identity == kind.key,
                )
            )
            for row in session.execute(query).mappings():
                found.append(EntryLatency(number, row["name"], latency_of(row)))
    return sorted(found, key=lambda each: (each.latency.threads, each.entry))


def latency_of(row: RowMapping) -> LatencyView:
    """One latency, from ``LATENCY_COLUMNS``."""
    machine, kind = Machine(**row["facts"]), LatencyKind.from_dict(row["kind"])
    return LatencyView(
        **{name: row[name] for name in MEASURED},
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
