"""Machines, and the latencies that were measured on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.model.machine import Machine
from serbench.store.schema import SystemRow
from serbench.store.schema_machines import LatencyRow, MachineRow


@dataclass(frozen=True)
class LatencyKind:
    """The conditions of a latency; only latencies with equal conditions are compared.

    Attributes:
        runtime: name of the runtime.
        precision: precision of the computation; empty where it is not known.
        threads: number of threads.
        clip_seconds: length of the clips; None where it is not known.
        libraries: name → version of the libraries that influence the time; empty where they are not
            known.
    """

    runtime: str
    precision: str
    threads: int
    clip_seconds: float | None
    libraries: Mapping[str, str]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LatencyKind:
        """The object from the result of ``asdict``."""
        return cls(**data)

    @property
    def key(self) -> str:
        """A text that is the same for equal conditions."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class LatencyFacts:
    """Milliseconds for one clip at batch size one, after warm-up, in a fresh process.

    What is not known is None: the parts where the runtime has none, and all but the percentiles
    where latencies were imported with predictions. The conditions that influence the time are in
    ``kind``.

    Attributes:
        kind: the conditions.
        runs: number of queries.
        p50: median time from waveform to probabilities.
        p90: its 90th percentile.
        p99: its 99th percentile.
        p50_low: lower end of the 95 % interval of the median.
        p50_high: its upper end.
        p90_low: lower end of the 95 % interval of the 90th percentile.
        p90_high: its upper end.
        front_end_p50: median time of the front end alone.
        front_end_p90: its 90th percentile.
        network_p50: median time from the image to the probabilities.
        network_p90: its 90th percentile.
        load_ms: time from the file to a network that is ready, without imports of libraries.
        memory_mb: largest growth of the resident memory by loading and running it.
        file_mb: size of the exported file; None where the runtime executes no file.
        energy_mj: energy of the processor for one query, that of its idle parts included.
        quick: whether it was measured with fewer queries.
        busy: 90th percentile of the times of a reference task, divided by the fastest one.
        versions: those of the measuring process.
    """

    kind: LatencyKind
    runs: int
    p50: float
    p90: float
    p99: float
    p50_low: float | None = None
    p50_high: float | None = None
    p90_low: float | None = None
    p90_high: float | None = None
    front_end_p50: float | None = None
    front_end_p90: float | None = None
    network_p50: float | None = None
    network_p90: float | None = None
    load_ms: float | None = None
    memory_mb: float | None = None
    file_mb: float | None = None
    energy_mj: float | None = None
    quick: bool = False
    busy: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LatencyFacts:
        """The object from the result of ``asdict``."""
        return cls(**{**data, "kind": LatencyKind.from_dict(data["kind"])})

    def as_columns(self) -> dict[str, Any]:
        """The values of the columns of its row."""
        return {**asdict(self), "identity": self.kind.key}


def machine_row(session: Session, machine: Machine) -> MachineRow:
    """The row of a machine, which is created where there is none."""
    row = session.scalar(select(MachineRow).where(MachineRow.fingerprint == machine.fingerprint))
    if row is None:
        row = MachineRow(fingerprint=machine.fingerprint, facts=asdict(machine))
        session.add(row)
        session.flush()
    return row


def add_latency(session: Session, system: SystemRow, machine: Machine, facts: LatencyFacts) -> None:
    """Store a latency; it replaces an older one of the same kind on the same machine."""
    place = {"system_id": system.id, "machine_id": machine_row(session, machine).id}
    query = select(LatencyRow).filter_by(**place, identity=facts.kind.key)
    older = session.scalar(query)
    if older is not None:
        session.delete(older)
        session.flush()
    session.add(LatencyRow(**place, **facts.as_columns()))
