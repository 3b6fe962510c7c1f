"""The database: machines, and what was measured on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from serbench.store.base import Base, now


class MachineRow(Base):
    """A machine of a latency measurement; its fingerprint is computed from ``facts``."""

    __tablename__ = "machine"
    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    facts: Mapped[dict[str, Any]]


class SpeedTuningRow(Base):
    """A speed tuning; ``key`` identifies the subject and the machine.

    The key of a tuning that was repeated later ends in a number. ``found`` has the chosen compute
    settings and all that were tried, with their clips per second.
    """

    __tablename__ = "speed_tuning"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[dict[str, Any]]
    found: Mapped[dict[str, Any]]
    measured: Mapped[datetime] = mapped_column(default=now)


class LatencyRow(Base):
    """Latency of a system in milliseconds per clip, on one machine.

    ``kind`` is a ``LatencyKind``, ``identity`` its key. For other library versions a row is added;
    among rows that differ only in these, the newest is used.
    """

    __tablename__ = "latency"
    __table_args__ = (UniqueConstraint("system_id", "machine_id", "identity"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"))
    identity: Mapped[str]
    kind: Mapped[dict[str, Any]]
    runs: Mapped[int]
    p50: Mapped[float]
    p90: Mapped[float]
    p99: Mapped[float]
    p50_low: Mapped[float | None]
    p50_high: Mapped[float | None]
    p90_low: Mapped[float | None]
    p90_high: Mapped[float | None]
    front_end_p50: Mapped[float | None]
    front_end_p90: Mapped[float | None]
    network_p50: Mapped[float | None]
    network_p90: Mapped[float | None]
    load_ms: Mapped[float | None]
    memory_mb: Mapped[float | None]
    file_mb: Mapped[float | None]
    energy_mj: Mapped[float | None]
    quick: Mapped[bool] = mapped_column(default=False)
    busy: Mapped[float | None]
    versions: Mapped[dict[str, Any]]
    measured: Mapped[datetime] = mapped_column(default=now)
    machine: Mapped[MachineRow] = relationship()
