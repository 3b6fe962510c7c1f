"""Exhibit 5: CPU time per clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from serbench.data.cells import Cell
from serbench.views.latencies import LatencyView, Place
from serbench.views.printed import UNKNOWN, PrintedPaper
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.labels import entry_labels, identity, on_one_line
from serbench.views.report.material import Entry, Material
from serbench.views.report.rows import (
    bar,
    bar_key,
    mark_printed,
    row_axes,
    rows_height,
    wrapped,
)
from serbench.views.report.style import DARK, GREY, new_figure
from serbench.views.tables import markdown_table

ENDS_MARK: dict[str, Any] = {"color": DARK[1], "linewidth": 3, "solid_capstyle": "butt"}
"""The look of the interval of a percentile."""


def latencies(material: Material, paper: PrintedPaper) -> Exhibit:
    """Milliseconds from waveform to logits of every entry, for every measured thread count."""
    entries = material.entries
    measured = sum(len(entry.latencies) for entry in entries)
    return Exhibit(
        name="5-latency",
        title="CPU time per clip",
        caption="Milliseconds from waveform to logits at batch size one (front end and network), "
        "median (p50) and 90th percentile (p90), with 95 % intervals where there were enough runs. "
        "Times on different machines, in different "
        "runtimes, with different libraries or for clips of different lengths must not be "
        "compared. Column *paper*: the paper's mean over five runs on its own machine; an empty "
        f"cell is {UNKNOWN}."
        + (
            "" if measured else " **No latency was measured: run the studies again to measure it.**"
        ),
        data=_data(entries, paper),
        body=_body(entries, paper),
        draw=(lambda: _draw(entries, paper)) if measured else None,
    )


def places(entries: Sequence[Entry]) -> list[Place]:
    """Machines and settings of the measurements, sorted."""
    found = {time.place for entry in entries for time in entry.latencies}
    return sorted(found, key=lambda place: (*place[:-1], place[-1] or 0.0))


def _at(entry: Entry, place: Place) -> dict[int, LatencyView]:
    """Thread count → latency, in one place."""
    found = [time for time in entry.latencies if time.place == place]
    return {time.threads: time for time in sorted(found, key=lambda time: time.threads)}


def thread_counts(entries: Sequence[Entry], place: Place) -> list[int]:
    """Thread counts of all measurements in a place, ascending."""
    return sorted({threads for entry in entries for threads in _at(entry, place)})


def shown_threads(threads: int, cores: int) -> str:
    """``1 thread``, ``2 threads (all)``."""
    words = "1 thread" if threads == 1 else f"{threads} threads"
    return words + (" (all)" if threads == cores else "")


def _printed(paper: PrintedPaper, entry: Entry) -> float | None:
    return paper.milliseconds.get(entry.backbone.partition(".")[0])


def _data(entries: Sequence[Entry], paper: PrintedPaper) -> list[dict[str, Cell]]:
    return [
        {
            **identity(entry),
            "machine": time.machine,
            "cores": time.cores,
            "runtime": time.runtime,
            "precision": time.precision,
            "libraries": time.libraries,
            "clip_seconds": time.clip_seconds,
            "threads": time.threads,
            "runs": time.runs,
            "p50_ms": time.p50,
            "p50_ms_low": time.p50_low,
            "p50_ms_high": time.p50_high,
            "p90_ms": time.p90,
            "p90_ms_low": time.p90_low,
            "p90_ms_high": time.p90_high,
            "paper_ms": _printed(paper, entry),
        }
        for entry in entries
        for time in entry.latencies
    ]


def _body(entries: Sequence[Entry], paper: PrintedPaper) -> str:
    parts = []
    for place in places(entries):
        counts = thread_counts(entries, place)
        where = _time_in(entries, place)
        names = [shown_threads(threads, where.cores) for threads in counts]
        columns = ["model"]
        columns += [f">{name}, {value} ms" for name in names for value in ("p50", "p90")]
        rows = []
        for entry, label in zip(entries, entry_labels(entries), strict=True):
            times, printed = _at(entry, place), _printed(paper, entry)
            row = [on_one_line(label)]
            for threads in counts:
                time = times.get(threads)
                row += [_with_ends(time, "p50"), _with_ends(time, "p90")] if time else ["", ""]
            rows.append([*row, "" if printed is None else f"{printed:g}"])
        table = markdown_table([*columns, ">paper ms"], rows)
        parts.append(f"{where.place_text}:\n\n{table}")
    return "\n\n".join(parts)


def _ends(time: LatencyView, name: str) -> tuple[float, float] | None:
    """Both ends of the 95 % interval of a percentile, or None."""
    low, high = getattr(time, f"{name}_low"), getattr(time, f"{name}_high")
    return None if low is None or high is None else (low, high)


def _with_ends(time: LatencyView, name: str) -> str:
    ends = _ends(time, name)
    between = "" if ends is None else f" ({ends[0]:.1f}–{ends[1]:.1f})"
    return f"{getattr(time, name):.1f}{between}"


def _time_in(entries: Sequence[Entry], place: Place) -> LatencyView:
    """One of the latencies that were measured in a place."""
    return next(time for entry in entries for time in entry.latencies if time.place == place)


def _draw(entries: Sequence[Entry], paper: PrintedPaper) -> Figure:
    labels, where = entry_labels(entries), places(entries)
    figure = new_figure(len(where) * (rows_height(labels) + 1.15))
    for place, axes in zip(where, figure.subplots(len(where), squeeze=False).flat, strict=True):
        counts = thread_counts(entries, place)
        offsets = row_axes(axes, labels, len(counts))
        for threads, offset, number in zip(counts, offsets, range(len(counts)), strict=True):
            for row, entry in enumerate(entries):
                time = _at(entry, place).get(threads)
                if time is None:
                    continue
                bar(axes, [row + offset], [time.p50 or 0.0], len(counts), number)
                axes.plot([time.p50, time.p90], [row + offset] * 2, color="black", linewidth=1)
                axes.plot(time.p90, row + offset, "|", color="black", markersize=6)
                for ends in filter(None, (_ends(time, "p50"), _ends(time, "p90"))):
                    axes.plot(ends, [row + offset] * 2, **ENDS_MARK)
                axes.annotate(
                    f"{time.p50:.1f} / {time.p90:.1f}",
                    ((_ends(time, "p90") or (0.0, time.p90 or 0.0))[1], row + offset),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
        for row, entry in enumerate(entries):
            known = _printed(paper, entry)
            if known is not None:
                mark_printed(axes, known, row)
        times = [time for entry in entries for time in _at(entry, place).values()]
        longest = max((_ends(time, "p90") or (0.0, time.p90 or 0.0))[1] for time in times)
        axes.set_xlim(0, 1.22 * longest)  # space for the numbers beside the longest bar
        any_time = _time_in(entries, place)
        axes.set_xlabel(f"milliseconds per clip\n{wrapped(any_time.place_text, 90)}")
        axes.tick_params(axis="x", color=GREY)
        handles: list[Patch | Line2D] = [bar_key(number) for number in range(len(counts))]
        texts = [f"{shown_threads(threads, any_time.cores)}, median (p50)" for threads in counts]
        handles.append(Line2D([], [], color="black", marker="|", markersize=6, linewidth=1))
        texts.append("to the 90th percentile (p90)")
        if any(_ends(time, "p50") for time in times):
            handles.append(Line2D([], [], **ENDS_MARK))
            texts.append("95 % interval")
        axes.legend(handles, texts, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure
