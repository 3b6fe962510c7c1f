"""The record of a latency measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LatencyFacts:
    """Milliseconds for one clip at batch size one, after warm-up, in a fresh process.

    How they part between front end and network is None where somebody else measured.
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
