"""The machines of the database, and how a latency is recorded."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.model.machine import Machine
from serbench.store.schema import MachineRow


@dataclass(frozen=True)
class LatencyFacts:
    """Milliseconds for one clip at batch size one, after warm-up, in a fresh process.

    How they part between front end and network is None where the runtime has no such parts, or
    where the times were measured elsewhere.
    """

    runtime: str
    threads: int
    runs: int
    p50: float
    p90: float
    p99: float
    front_end_p50: float | None
    front_end_p90: float | None
    network_p50: float | None
    network_p90: float | None


def machine_row(session: Session, machine: Machine) -> MachineRow:
    """The row of a machine, made where there is none."""
    row = session.scalar(select(MachineRow).where(MachineRow.fingerprint == machine.fingerprint))
    if row is None:
        row = MachineRow(fingerprint=machine.fingerprint, **asdict(machine))
        session.add(row)
        session.flush()
    return row
