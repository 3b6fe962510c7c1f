"""The Pareto front: UA against the latency for one clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import altair as alt

from serbench.search.importance import is_logarithmic
from serbench.views.charts.drawing import Drawing, data, drawn
from serbench.views.charts.style import (
    HEIGHT,
    WIDTH,
    domain_of,
    layered,
    scale_of,
    share_axis,
    titled,
)
from serbench.views.entry import EntryView
from serbench.views.front import DOMINATED, NEAR, ON

VERDICTS = (ON, NEAR, DOMINATED)

Place = tuple[int, int, Literal["left", "right"]]

CHARACTER, LINE, ACROSS, DOWN = 7, 12, 5, 9
"""Width of a digit, height of a line, and distances of a label from its point, in pixels."""

PLACES: tuple[Place, ...] = ((-1, -1, "right"), (1, 1, "left"), (1, -1, "left"), (-1, 1, "right"))
"""Directions in which a label may stand, beside intervals and steps, and its alignment there."""

COLOURS = ("#1f85c7", "#d55e00", "#7f7f7f")
"""Colours of the three relations to the front, which are legible on light and dark backgrounds."""

CLEAR = "transparent"

Box = tuple[float, float, float, float]


def front_chart(rows: Sequence[EntryView], *notes: str) -> Drawing | None:
    """UA against the 90th percentile of the latency, with 95 % intervals and the front.

    Args:
        rows: the rows of one ranking, whose ``front`` is their relation to the front.
        notes: lines below the title, such as what the entries have in common.

    Returns:
        None if no entry has a latency. Entries without one are counted below the title.
    """
    points = [_point(row) for row in rows if row.latency.p90 is not None]
    if not points:
        return None
    points.sort(key=_last_on_top)
    times = [point[name] for point in points for name in ("p90", "p90_low", "p90_high")]
    shares = [point[name] for point in points for name in ("uar", "uar_low", "uar_high")]
    times = [each for each in times if each is not None]
    shares = [each for each in shares if each is not None]
    across, up = scale_of(times), scale_of(shares)
    x = alt.X("p90:Q", scale=across, title="latency for one clip, p90 (ms)")
    y = alt.Y("uar:Q", scale=up, axis=share_axis("UA"))
    base = alt.Chart(data(points))
    interval = base.mark_rule(strokeWidth=1, strokeOpacity=0.45)
    uncertain = interval.encode(x=x, y=alt.Y("uar_low:Q", scale=up), y2="uar_high:Q")
    slow = interval.encode(x=alt.X("p90_low:Q", scale=across), x2="p90_high:Q", y=y)
    marks = base.mark_point(strokeWidth=1.6, opacity=1).encode(
        x=x,
        y=y,
        shape=alt.Shape("front:N", scale=_scale("circle", "circle", "cross"), title=None),
        fill=alt.Fill("front:N", scale=_scale(COLOURS[0], CLEAR, CLEAR), title=None),
        stroke=alt.Stroke("front:N", scale=_scale(*COLOURS), title=None),
        tooltip=TOOLTIP,
    )
    layers = [
        uncertain.transform_filter("isValid(datum.uar_low)"),
        slow.transform_filter("isValid(datum.p90_low)"),
        _steps(points, domain_of(times)[1], x, y),
        marks,
        *_labels(points, times, shares, x, y),
    ]
    left_out = len(rows) - len(points)
    note = f"entries without a latency, which are not drawn: {left_out}" if left_out else None
    title = titled("UA and latency of each entry", *notes, note)
    return drawn(layered(*layers).interactive(), title)


TOOLTIP = [
    alt.Tooltip("entry:Q"),
    alt.Tooltip("system:N"),
    alt.Tooltip("front:N"),
    alt.Tooltip("uar:Q", title="UA", format=".4f"),
    alt.Tooltip("uar_low:Q", title="UA, 95 % from", format=".4f"),
    alt.Tooltip("uar_high:Q", title="UA, 95 % to", format=".4f"),
    alt.Tooltip("p50:Q", title="p50 (ms)", format=".2f"),
    alt.Tooltip("p90:Q", title="p90 (ms)", format=".2f"),
    alt.Tooltip("p90_low:Q", title="p90, 95 % from", format=".2f"),
    alt.Tooltip("p90_high:Q", title="p90, 95 % to", format=".2f"),
    alt.Tooltip("p99:Q", title="p99 (ms)", format=".2f"),
    alt.Tooltip("runtime:N"),
]


def _point(row: EntryView) -> dict[str, Any]:
    """The numbers of an entry in the chart."""
    low, high = row.scores["uar"].interval or (None, None)
    latency = row.latency
    times = ("p50", "p90", "p99", "p90_low", "p90_high")
    return {
        "entry": row.entry,
        "system": ", ".join(filter(None, (row.backbone, row.readout, row.head))),
        "front": row.front,
        "uar": row.uar,
        "uar_low": low,
        "uar_high": high,
        **{name: getattr(latency, name) for name in times},
        "runtime": ", ".join(filter(None, (latency.runtime, latency.precision))),
    }


def _scale(*values: str) -> alt.Scale:
    """A value for each relation to the front."""
    return alt.Scale(domain=list(VERDICTS), range=list(values))


def _last_on_top(point: dict[str, Any]) -> tuple[int, float]:
    """The order of drawing: the front is last, and of others those with the highest UA."""
    return -VERDICTS.index(point["front"]), point["uar"]


def _steps(points: Sequence[dict[str, Any]], end: float, x: alt.X, y: alt.Y) -> alt.Chart:
    """The highest UA that is reached up to each latency."""
    front = sorted((point for point in points if point["front"] == ON), key=lambda p: p["p90"])
    steps = [{"p90": point["p90"], "uar": point["uar"]} for point in front]
    steps += [{**steps[-1], "p90": end}] if steps else []
    line = alt.Chart(data(steps)).mark_line(
        interpolate="step-after", color=COLOURS[0], strokeWidth=1.5
    )
    drawn: alt.Chart = line.encode(x=x, y=y)
    return drawn


def _labels(
    points: Sequence[dict[str, Any]],
    times: Sequence[float],
    shares: Sequence[float],
    x: alt.X,
    y: alt.Y,
) -> list[alt.Chart]:
    """The numbers of entries beside their points, where they cover neither points nor labels.

    Numbers that do not fit are left out; the tooltip of each point has them.
    """
    (left, right), (bottom, top) = domain_of(times), domain_of(shares)

    logarithmic = is_logarithmic(times)

    def along(value: float) -> float:
        if logarithmic:
            return WIDTH * math.log(value / left) / math.log(right / left)
        return WIDTH * (value - left) / (right - left)

    spots = [
        (along(point["p90"]), HEIGHT * (top - point["uar"]) / (top - bottom)) for point in points
    ]
    taken: list[Box] = [(across - 5, down - 5, across + 5, down + 5) for across, down in spots]
    placed: dict[Place, list[dict[str, Any]]] = {}
    for number in reversed(range(len(points))):
        for place in PLACES:
            box = _box(spots[number], place, len(str(points[number]["entry"])))
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                placed.setdefault(place, []).append(points[number])
                break
    return [
        alt.Chart(data(shown))
        .mark_text(dx=ACROSS * dx, dy=DOWN * dy, align=align, baseline="middle")
        .encode(x=x, y=y, text="entry:Q")
        for (dx, dy, align), shown in placed.items()
    ]


def _box(spot: tuple[float, float], place: Place, digits: int) -> Box:
    """The area of a label: left, top, right, bottom."""
    (across, down), (dx, dy, _) = spot, place
    width = digits * CHARACTER
    middle = across + dx * (ACROSS + width / 2)
    centre = down + dy * DOWN
    return middle - width / 2, centre - LINE / 2, middle + width / 2, centre + LINE / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
