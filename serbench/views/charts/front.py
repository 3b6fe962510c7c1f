"""The Pareto front: UA against the latency for one clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from serbench.views.charts.style import (
    HEIGHT,
    WIDTH,
    data,
    domain_of,
    is_logarithmic,
    scale_of,
    share_axis,
    titled,
)
from serbench.views.entry import EntryView
from serbench.views.front import DOMINATED, NEAR, ON

VERDICTS = (ON, NEAR, DOMINATED)

CHARACTER, LINE, AWAY = 7, 12, 8
"""Width of a digit, height of a line, and distance of a label from its point, in pixels."""

PLACES = ((1, 0, "left"), (-1, 0, "right"), (0, -1, "center"), (0, 1, "center"))
"""Directions in which a label may stand, the best first, and its alignment there."""

Box = tuple[float, float, float, float]


def front_chart(rows: Sequence[EntryView]) -> alt.LayerChart | None:
    """UA against the 90th percentile of the latency, with 95 % intervals and the front.

    Args:
        rows: the rows of one ranking, whose ``front`` is their relation to the front.

    Returns:
        None if no entry has a latency. Entries without one are counted below the title.
    """
    points = [_point(row) for row in rows if row.latency.p90 is not None]
    if not points:
        return None
    times = [point[name] for point in points for name in ("p90", "p90_low", "p90_high")]
    shares = [point[name] for point in points for name in ("uar", "uar_low", "uar_high")]
    times = [each for each in times if each is not None]
    shares = [each for each in shares if each is not None]
    x = alt.X("p90:Q", scale=scale_of(times), title="latency for one clip, p90 (ms)")
    y = alt.Y("uar:Q", scale=scale_of(shares), axis=share_axis("UA"))
    base = alt.Chart(data(points))
    faint = {"strokeWidth": 1, "opacity": 0.55}
    uncertain = base.mark_rule(**faint).encode(x=x, y=alt.Y("uar_low:Q"), y2="uar_high:Q")
    slow = base.mark_rule(**faint).encode(x=alt.X("p90_low:Q"), x2="p90_high:Q", y=y)
    verdict: dict[str, Any] = {"domain": list(VERDICTS)}
    marks = base.mark_point(filled=True, strokeWidth=1.6, opacity=1).encode(
        x=x,
        y=y,
        fill=alt.Fill("front:N", scale=alt.Scale(**verdict), title=None),
        stroke=alt.Stroke("front:N", scale=alt.Scale(**verdict), title=None),
        shape=alt.Shape(
            "front:N", scale=alt.Scale(range=["circle", "circle", "cross"], **verdict), title=None
        ),
        fillOpacity=alt.FillOpacity(
            "front:N", scale=alt.Scale(range=[1, 0.15, 0], **verdict), title=None
        ),
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
    return (
        alt.layer(*layers)
        .properties(width=WIDTH, height=HEIGHT, title=titled("UA and latency of each entry", note))
        .interactive()
    )


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


def _steps(points: Sequence[dict[str, Any]], end: float, x: alt.X, y: alt.Y) -> alt.Chart:
    """The highest UA that is reached up to each latency."""
    front = sorted((point for point in points if point["front"] == ON), key=lambda p: p["p90"])
    steps = [{"p90": point["p90"], "uar": point["uar"]} for point in front]
    steps += [{**steps[-1], "p90": end}] if steps else []
    return alt.Chart(data(steps)).mark_line(interpolate="step-after", clip=True).encode(x=x, y=y)


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

    def along(value: float) -> float:
        if is_logarithmic(times):
            return WIDTH * math.log(value / left) / math.log(right / left)
        return WIDTH * (value - left) / (right - left)

    spots = [
        (along(point["p90"]), HEIGHT * (top - point["uar"]) / (top - bottom)) for point in points
    ]
    taken: list[Box] = [(across - 5, down - 5, across + 5, down + 5) for across, down in spots]
    placed: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    order = sorted(range(len(points)), key=lambda n: VERDICTS.index(points[n]["front"]))
    for number in order:
        for place in PLACES:
            box = _box(spots[number], place, len(str(points[number]["entry"])))
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                placed.setdefault(place, []).append(points[number])
                break
    return [
        alt.Chart(data(shown))
        .mark_text(dx=AWAY * dx, dy=(AWAY + 3) * dy, align=align, baseline="middle")  # type: ignore[arg-type]
        .encode(x=x, y=y, text="entry:Q")
        for (dx, dy, align), shown in placed.items()
    ]


def _box(spot: tuple[float, float], place: tuple[int, int, str], digits: int) -> Box:
    """The area of a label: left, top, right, bottom."""
    (across, down), (dx, dy, _) = spot, place
    width = digits * CHARACTER
    middle = across + dx * (AWAY + width / 2)
    centre = down + dy * (AWAY + 3)
    return middle - width / 2, centre - LINE / 2, middle + width / 2, centre + LINE / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
