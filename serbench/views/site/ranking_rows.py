"""The rows of rankings on a page: their cells, and the values by which they are filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from serbench.score.comparison import Difference
from serbench.views.entry import EntryView
from serbench.views.front import DOMINATED, NEAR, ON
from serbench.views.site.entry_page import entry_path, system_of
from serbench.views.site.parts import (
    DASH,
    Cell,
    count,
    interval,
    number,
    plain,
    points,
    share,
    short_count,
)

MARKS = {ON: "● on the front", NEAR: "○ may be on it", DOMINATED: ""}
"""Relation of an entry to the Pareto front → what its cell shows."""

COLUMNS = (
    *("entry", ">#", ">UA, %", ">95 % CI", ">p90, ms", "Pareto front", ">best, %", ">ranks"),
    *(">against the recommended", ">WA, %", ">macro-F1, %", ">p50, ms", ">p99, ms", "runtime"),
    *(">size, MB", ">parameters", ">MACs", ">tuning UA, %", ">optimism"),
    *("front end", "weights", "clips", "licences", "commercial use"),
)
"""The columns of a ranking."""

FACETS = (
    *("dataset", "protocol", "evidence", "machine", "front end", "weights", "licence"),
    "commercial use",
)
"""By what rows can be filtered, as it is called in the address of a page."""


Gains: TypeAlias = dict[int, Difference | None]
"""Entry → its UA minus that of the recommended one; None of the recommended one itself."""


@dataclass(frozen=True)
class Row:
    """A row of a ranking; ``places`` are those of its facets in the values of the page."""

    entry: int
    cells: Sequence[Cell]
    places: Sequence[int]


def facets_of(row: EntryView) -> dict[str, str]:
    """Facet → the value of a row by which it can be filtered."""
    licences = sorted({each.name for each in (*row.licences.values(), row.weights_licence)})
    latency = row.latency
    values = (
        row.dataset,
        row.protocol_id,
        row.evidence_text,
        latency.machine if latency.runtime else "no latency",
        row.front_end or "imported",
        row.weights,
        ", ".join(licences),
        row.commercial,
    )
    return dict(zip(FACETS, values, strict=True))


def row_of(row: EntryView, values: Mapping[str, list[str]], gains: Gains) -> Row:
    """A row of a ranking.

    Args:
        row: the entry.
        values: facet in which rows differ → its values on the page.
        gains: the entries against the recommended one.
    """
    facets = facets_of(row)
    places = [listed.index(facets[facet]) for facet, listed in values.items()]
    return Row(row.entry, _cells(row, gains), places)


def _cells(row: EntryView, gains: Gains) -> list[Cell]:
    latency = row.latency
    licences = "; ".join(f"{name}: {each}" for name, each in row.licences.items())
    return [
        Cell(f"{row.entry}: {system_of(row)}", link=entry_path(row.entry)),
        count(row.rank),
        share(row.uar),
        interval(row.scores["uar"].interval),
        number(latency.p90, 1),
        Cell(MARKS.get(row.front, DASH)),
        share(row.best),
        _ranks(row),
        _against(row, gains),
        *(_metric(row, name) for name in ("accuracy", "macro_f1")),
        number(latency.p50, 1),
        number(latency.p99, 1),
        plain(" ".join(filter(None, (latency.runtime, latency.precision))) or DASH),
        number(row.size_mb, 1),
        short_count(row.params),
        short_count(row.macs),
        share(row.cv_uar_mean),
        points(row.optimism),
        plain(row.front_end or DASH),
        plain(row.weights),
        plain(row.clips or DASH),
        plain(f"{licences or DASH}; weights: {row.weights_licence}"),
        plain(row.commercial),
    ]


def _ranks(row: EntryView) -> Cell:
    if row.rank_ci is None:
        return Cell(DASH)
    return Cell(DASH.join(map(str, dict.fromkeys(row.rank_ci))))


def _against(row: EntryView, gains: Gains) -> Cell:
    if row.entry not in gains:
        return Cell(DASH)
    gain = gains[row.entry]
    if gain is None:
        return Cell("recommended", 0.0)
    text = f"{100 * gain.difference:+.1f}"
    if gain.interval is not None:
        text += f" ({100 * gain.interval.low:+.1f} to {100 * gain.interval.high:+.1f})"
    return Cell(text)


def _metric(row: EntryView, name: str) -> Cell:
    score = row.scores.get(name)
    return share(None if score is None else score.value)
