"""Entries in their fastest runtime."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from serbench.errors import UsageError
from serbench.score.precision import may_replace
from serbench.views.entry import EntryView
from serbench.views.latencies import LatencyView

BEST, EVERY = "best", "all"
"""The fastest runtime of each entry, and every runtime in a ranking of its own."""


def in_runtime(rows: Sequence[EntryView], runtime: str) -> list[EntryView]:
    """The entries in a runtime, each once for each of its latencies there.

    Args:
        rows: each entry once for each of its latencies.
        runtime: a name, ``best`` or ``all``. With ``best`` each entry has its fastest runtime on
            each machine, thread count and clip length, by the 90th percentile. A runtime that
            changes logits is only chosen if a loss of one point of UA is excluded
            (`may_replace`), and of each runtime only the newest version on that machine.

    Raises:
        UsageError: there are latencies, but none in the runtime of this name.
    """
    if runtime == EVERY:
        return list(rows)
    if runtime == BEST:
        return _fastest(rows)
    found = [row for row in rows if row.latency.runtime in ("", runtime)]
    measured = {row.latency.runtime for row in rows} - {""}
    if measured and runtime not in measured:
        raise UsageError(
            f"no latency was measured in runtime {runtime}: measure it with `serbench latency "
            f"--all --runtime {runtime}`, or choose from {', '.join(sorted(measured))}",
            runtime=runtime,
        )
    return found


def _fastest(rows: Sequence[EntryView]) -> list[EntryView]:
    places: dict[tuple[object, ...], list[EntryView]] = defaultdict(list)
    for row in rows:
        places[_place(row.latency)].append(row)
    return [row for group in places.values() for row in _fastest_here(group)]


def _place(latency: LatencyView) -> tuple[object, ...]:
    """What latencies in several runtimes must have in common."""
    return (
        *(latency.machine, latency.machine_id, latency.threads),
        *(latency.clip_seconds, latency.environment),
    )


def _fastest_here(rows: Sequence[EntryView]) -> list[EntryView]:
    """Each entry once, of rows on one machine."""
    runtimes = {row.latency.runtime for row in rows}
    if len(runtimes) == 1:
        return list(rows)
    newest = {row.latency.runtime: row.latency.libraries for row in rows}  # in order of measurement
    by_entry: dict[int, list[EntryView]] = defaultdict(list)
    for row in rows:
        if row.latency.libraries == newest[row.latency.runtime] and _is_allowed(row):
            by_entry[row.entry].append(row)
    chosen = [
        min(each, key=lambda row: row.latency.p90 or float("inf")) for each in by_entry.values()
    ]
    return [replace(row, latency=replace(row.latency, fastest=True)) for row in chosen]


def _is_allowed(row: EntryView) -> bool:
    """Whether the runtime keeps the logits, or loses too little to matter."""
    return row.trained is None or may_replace(row.tally, row.trained)
