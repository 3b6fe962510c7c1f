"""Common functions of benchmarks: timing two sides in turn, ratios, one JSON object."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
"""Folder of real recordings, which may be missing."""


@dataclass(frozen=True)
class Finding:
    """One line of the table of targets.

    Attributes:
        what: what is compared.
        unit: unit of the figures of both sides, such as ``ms per clip``; less is better for times,
            more for rates.
        sides: name of the side → its median figure.
        ratio: median over repetitions of the factor by which the second side is better.
        spread: the lowest and the highest of these factors.
        target: required ratio, or None where there is no target.
        met: whether the target is met.
    """

    what: str
    unit: str
    sides: Mapping[str, float]
    ratio: float
    spread: tuple[float, float]
    target: float | None
    met: bool | None


def in_turn(
    sides: Mapping[str, Callable[[], object]], repetitions: int = 5, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds of each call of each side, timed A B A B after a warm-up.

    Because the machine is shared, other programs then affect both sides equally.
    """
    for _ in range(warm_up):
        for call in sides.values():
            call()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
    return taken


def times_faster(
    what: str,
    taken: Mapping[str, Sequence[float]],
    usual: str,
    ours: str,
    target: float | None,
    unit: str = "s",
    scale: float = 1.0,
) -> Finding:
    """The factor by which ``ours`` takes less time than ``usual``.

    Args:
        what: what is compared.
        taken: seconds of each side, of repetitions in turn.
        usual: name of the side for comparison.
        ours: name of the other side.
        target: required ratio.
        unit: unit of the seconds times ``scale``.
        scale: factor such as 1000 for milliseconds, divided by the number of clips of a call.
    """
    ratios = [slow / fast for slow, fast in zip(taken[usual], taken[ours], strict=True)]
    figures = {name: scale * statistics.median(taken[name]) for name in (usual, ours)}
    return _finding(what, unit, figures, ratios, target)


def times_more(
    what: str,
    taken: Mapping[str, Sequence[float]],
    usual: str,
    ours: str,
    target: float | None,
    clips: int,
    unit: str = "clips per second",
) -> Finding:
    """The same as rates: ``clips`` of each side divided by the seconds."""
    ratios = [slow / fast for slow, fast in zip(taken[usual], taken[ours], strict=True)]
    figures = {name: clips / statistics.median(taken[name]) for name in (usual, ours)}
    return _finding(what, unit, figures, ratios, target)


def rates_compared(
    what: str, rates: Mapping[str, Sequence[float]], usual: str, ours: str, target: float | None
) -> Finding:
    """The factor of clips per second, given the rates of repetitions in turn."""
    ratios = [fast / slow for slow, fast in zip(rates[usual], rates[ours], strict=True)]
    figures = {name: statistics.median(rates[name]) for name in (usual, ours)}
    return _finding(what, "clips per second", figures, ratios, target)


def at_most(what: str, figures: Sequence[float], limit: float, unit: str) -> Finding:
    """An absolute limit: the ratio is the limit divided by the figure; it is met from 1 on."""
    ratios = [limit / figure for figure in figures]
    sides = {"limit": limit, "serbench": statistics.median(figures)}
    return _finding(what, unit, sides, ratios, 1.0)


def _finding(
    what: str,
    unit: str,
    figures: Mapping[str, float],
    ratios: Sequence[float],
    target: float | None,
) -> Finding:
    ratio = statistics.median(ratios)
    met = None if target is None else ratio >= target
    return Finding(what, unit, dict(figures), ratio, (min(ratios), max(ratios)), target, met)


def print_findings(benchmark: str, data: str, findings: Sequence[Finding], **beside: Any) -> None:
    """Print the one JSON object of a benchmark.

    Args:
        benchmark: its name.
        data: description of the data.
        findings: lines of the table.
        beside: further information for readers.
    """
    about = {"benchmark": benchmark, "data": data, "machine": machine()}
    print(
        json.dumps({**about, **beside, "findings": [asdict(each) for each in findings]}, indent=1)
    )


def machine() -> dict[str, Any]:
    """The machine of the measurement, and its load."""
    cpu = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line for line in facts.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "load": load}
