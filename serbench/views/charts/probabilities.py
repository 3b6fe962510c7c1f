"""Charts of the probabilities of an entry: reliability, and rejection of uncertain predictions."""

from __future__ import annotations

import altair as alt
import numpy as np

from serbench.score.rejection import RejectionCurve
from serbench.views.calibration import CalibrationView
from serbench.views.charts.drawing import Drawing, form, named
from serbench.views.charts.style import HEIGHT, layered, share_axis, titled

BEFORE, AFTER = "without calibration", "after calibration"

POINTS = 30
"""Largest number of points of a rejection curve in a chart."""

FEWEST = 0.05
"""Smallest coverage that is drawn: below it, the scores are those of very few clips."""


def reliability_chart(calibration: CalibrationView) -> Drawing:
    """The share of correct predictions against confidence, before and after calibration."""
    stages = {BEFORE: calibration.before}
    if calibration.after is not None:
        stages[AFTER] = calibration.after
    bins = [{**each, "stage": name} for name, stage in stages.items() for each in stage.reliability]
    ends = [{"confidence": end, "accuracy": end} for end in (0, 1)]
    errors = ", ".join(f"{name} {stage.ece:.3f}" for name, stage in stages.items())
    title = titled(
        "Confidence and correctness",
        f"expected calibration error: {errors}",
        "area of a point: number of clips; dashed: confidence equals the share of correct ones",
    )
    return Drawing(_reliability(tuple(stages)), title, {"diagonal": ends, "bins": bins})


@form
def _reliability(stages: tuple[str, ...]) -> alt.LayerChart:
    domain = alt.Scale(domain=[0, 1])
    x = alt.X("confidence:Q", scale=domain, axis=share_axis("confidence (mean of the bin)"))
    y = alt.Y("accuracy:Q", scale=domain, axis=share_axis("share of correct predictions"))
    names = alt.Scale(domain=list(stages))
    base = alt.Chart(named("bins")).encode(
        x=x, y=y, color=alt.Color("stage:N", scale=names, title=None)
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        strokeDash=alt.StrokeDash("stage:N", scale=names, title=None)
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        shape=alt.Shape("stage:N", scale=names, title=None),
        size=alt.Size("clips:Q", scale=alt.Scale(range=[25, 260]), legend=None),
        tooltip=[
            alt.Tooltip("stage:N"),
            alt.Tooltip("above:Q", title="confidence above", format=".2f"),
            alt.Tooltip("to:Q", title="to", format=".2f"),
            alt.Tooltip("confidence:Q", title="mean confidence", format=".1%"),
            alt.Tooltip("accuracy:Q", title="correct", format=".1%"),
            alt.Tooltip("clips:Q"),
        ],
    )
    diagonal = alt.Chart(named("diagonal"))
    dashed = diagonal.mark_line(style="muted", strokeDash=[4, 4], strokeWidth=1)
    return layered(dashed.encode(x=x, y=y), lines, points, width=HEIGHT)


def rejection_chart(calibration: CalibrationView) -> Drawing | None:
    """UA and WA of the answered clips against their share, if uncertain ones are rejected.

    Returns:
        None where only one speaker was tested, so that nothing is calibrated on other speakers.
    """
    if calibration.curve is None:
        return None
    marked = [
        {
            "metric": metric,
            "coverage": point.coverage,
            "confidence": point.confidence,
            "clips": point.clips,
            "score": score.value,
            "low": score.low,
            "high": score.high,
        }
        for point in calibration.rejection
        for metric, score in (("UA", point.uar), ("WA", point.accuracy))
    ]
    title = titled(
        "Scores after rejection of uncertain predictions",
        "vertical: 95 % interval of UA over speakers",
    )
    return Drawing(_rejection(), title, {"curve": _curve(calibration.curve), "marked": marked})


@form
def _rejection() -> alt.LayerChart:
    scores = alt.Scale(domain=["UA", "WA"])
    x = alt.X(
        "coverage:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=share_axis("share of clips that are answered, the most confident first"),
    )
    y = alt.Y("score:Q", scale=alt.Scale(zero=False), axis=share_axis("score of these clips"))
    colour = alt.Color("metric:N", scale=scores, title=None)
    lines = (
        alt.Chart(named("curve"))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("metric:N", scale=scores, title=None),
        )
    )
    base = alt.Chart(named("marked")).encode(
        x=x,
        color=colour,
        tooltip=[
            alt.Tooltip("metric:N"),
            alt.Tooltip("score:Q", format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            alt.Tooltip("coverage:Q", title="answered", format=".1%"),
            alt.Tooltip("clips:Q"),
            alt.Tooltip("confidence:Q", title="least confidence", format=".3f"),
        ],
    )
    ends = base.mark_rule(strokeOpacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = base.mark_point(filled=True, opacity=1).encode(
        y=y, shape=alt.Shape("metric:N", scale=scores, title=None)
    )
    return layered(
        lines, ends.transform_filter("datum.metric == 'UA' && isValid(datum.low)"), points
    )


def _curve(curve: RejectionCurve) -> list[dict[str, object]]:
    """The scores at up to `POINTS` coverages, from `FEWEST` on."""
    coverage = curve.coverage
    wanted = np.searchsorted(coverage, np.linspace(FEWEST, 1, POINTS))
    return [
        {"metric": metric, "coverage": float(coverage[place]), "score": float(scores[place])}
        for metric, scores in (("UA", curve.uar), ("WA", curve.accuracy))
        for place in np.unique(np.minimum(wanted, len(coverage) - 1))
    ]
