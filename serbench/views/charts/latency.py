"""The latency of an entry by runtime and part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import altair as alt

from serbench.views.charts.drawing import Drawing, form, named
from serbench.views.charts.style import STEP, layered, titled
from serbench.views.latencies import LatencyView

FRONT_END, NETWORK, WHOLE = "front end", "network", "both together"
PARTS = (FRONT_END, NETWORK, WHOLE)


def latency_parts_chart(latencies: Sequence[LatencyView]) -> Drawing | None:
    """The medians of front end and network in each runtime, and p90 of both together.

    Args:
        latencies: those of one entry, such as ``EntryDetail.latencies``. A runtime that executes
            both together has one bar.

    Returns:
        None if there is no latency.
    """
    measured = [each for each in latencies if each.p50 is not None]
    if not measured:
        return None
    names = _names(measured)
    bars = [
        {"place": name, "part": part, "p50": time, "start": start, "end": start + time}
        for name, each in zip(names, measured, strict=True)
        for part, start, time in _parts(each)
    ]
    totals = [
        {
            "place": name,
            "p50": each.p50,
            "p90": each.p90,
            "p99": each.p99,
            "text": " + ".join(f"{time:.1f}" for _, _, time in _parts(each)) + " ms",
            "machine": each.machine,
            "libraries": each.libraries,
        }
        for name, each in zip(names, measured, strict=True)
    ]
    present = tuple(part for part in PARTS if any(bar["part"] == part for bar in bars))
    title = titled("Latency by runtime and part", "vertical line: p90 of both together")
    return Drawing(_bars(present), title, {"bars": bars, "totals": totals})


@form
def _bars(present: tuple[str, ...]) -> alt.LayerChart:
    y = alt.Y("place:N", sort=None, title=None)
    title = "milliseconds for one clip"
    base = alt.Chart(named("bars")).mark_bar(height={"band": 0.65})
    stacked = base.encode(
        x=alt.X("start:Q", title=title),
        x2="end:Q",
        y=y,
        color=alt.Color("part:N", scale=alt.Scale(domain=list(present)), title="median of"),
        tooltip=[
            alt.Tooltip("place:N", title="runtime"),
            alt.Tooltip("part:N"),
            alt.Tooltip("p50:Q", title="p50 (ms)", format=".2f"),
        ],
    )
    tooltip = [
        alt.Tooltip("place:N", title="runtime"),
        *(alt.Tooltip(f"{name}:Q", title=f"{name} (ms)", format=".2f") for name in TIMES),
        alt.Tooltip("machine:N"),
        alt.Tooltip("libraries:N"),
    ]
    whole = alt.Chart(named("totals"))
    ticks = whole.mark_tick(style="plain", thickness=2, bandSize=STEP * 0.8).encode(
        x=alt.X("p90:Q"), y=y, tooltip=tooltip
    )
    texts = whole.mark_text(align="left", dx=7).encode(
        x=alt.X("p90:Q"), y=y, text="text:N", tooltip=tooltip
    )
    return layered(stacked, ticks, texts, height=alt.Step(STEP + 4))


TIMES = ("p50", "p90", "p99")


def _names(latencies: Sequence[LatencyView]) -> list[str]:
    """Runtime and threads of each latency; precision, clip length and machine if they differ."""
    facts = [
        (
            each.runtime,
            f"{each.threads} thread{'s' * (each.threads > 1)}",
            each.precision,
            f"{each.clip_seconds:g} s" if each.clip_seconds else "",
            each.machine,
        )
        for each in latencies
    ]
    shown = [place < 2 or len(set(each)) > 1 for place, each in enumerate(zip(*facts, strict=True))]
    names = [", ".join(filter(None, compress(each, shown))) for each in facts]
    if len(set(names)) < len(names):  # two machines with the same description
        return [
            f"{name}, {each.machine_id[:8]}" for name, each in zip(names, latencies, strict=True)
        ]
    return names


def _parts(latency: LatencyView) -> list[tuple[str, float, float]]:
    """Name, start and median of each part."""
    assert latency.p50 is not None
    if latency.front_end_p50 is None or latency.network_p50 is None:
        return [(WHOLE, 0.0, latency.p50)]
    return [
        (FRONT_END, 0.0, latency.front_end_p50),
        (NETWORK, latency.front_end_p50, latency.network_p50),
    ]
