"""Charts of a study: its trials, the importance of parameters, and slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import altair as alt

from serbench.search.events import COMPLETE, FAILED, PRUNED
from serbench.search.importance import is_logarithmic
from serbench.views.charts.drawing import Drawing, form, named
from serbench.views.charts.style import (
    HEIGHT,
    STEP,
    WIDTH,
    counting_axis,
    layered,
    share_axis,
    titled,
)
from serbench.views.study import StudyView

COLUMNS = 3
"""Number of slices beside each other."""

NARROW = 190
"""Width and height of a slice in pixels."""


def trials_chart(study: StudyView) -> Drawing | None:
    """Mean UA of each trial, and the highest one so far of the complete trials.

    Args:
        study: with its trials, from ``study_view``.

    Returns:
        None if no trial has a score. Failed trials have none, and are listed below the title.
    """
    scored = _scored(study)
    if not scored:
        return None
    best, steps = 0.0, []
    for trial in scored:
        if trial["state"] == COMPLETE:
            best = max(best, trial["mean_uar"])
            steps.append({"trial": trial["trial"], "mean_uar": best})
    if steps:
        steps.append({**steps[-1], "trial": max(trial["trial"] for trial in scored)})
    failed = [str(trial["trial"]) for trial in study.detail["trials"] if trial["state"] == FAILED]
    title = titled(
        f"Trials of study {study.study}",
        "line: highest mean UA so far; a pruned trial has the mean of its folds so far",
        f"failed trials, without a score: {', '.join(failed)}" if failed else None,
    )
    specification = _trials(scored[-1]["trial"], _pruned(scored), tuple(scored[0]["parameters"]))
    return Drawing(
        specification, title, {"steps": steps, "trials": [_point(trial) for trial in scored]}
    )


@form
def _trials(last: int, pruned: bool, parameters: tuple[str, ...]) -> alt.LayerChart:
    x = alt.X(
        "trial:Q",
        axis=counting_axis(last, "trial"),
        scale=alt.Scale(zero=False, nice=False, padding=12),
    )
    y = alt.Y(
        "mean_uar:Q",
        scale=alt.Scale(zero=False, padding=12),
        axis=share_axis("mean UA over the folds"),
    )
    line = alt.Chart(named("steps")).mark_line(style="muted", interpolate="step-after")
    points = (
        alt.Chart(named("trials"))
        .mark_point(opacity=1)
        .encode(x=x, y=y, **_by_state(pruned), tooltip=_tooltip(parameters))
    )
    return layered(line.encode(x=x, y=y), points, height=0.7 * HEIGHT)


def importance_chart(study: StudyView) -> Drawing | None:
    """The importance of each searched parameter, as a share of the variance of mean UA.

    Returns:
        None if it cannot be estimated (`serbench.search.importance.importances`).
    """
    found = study.importances
    if not found:
        return None
    rows = [{"parameter": each.parameter, "share": each.share} for each in found]
    title = titled(
        "Importance of the searched parameters",
        f"fANOVA over the tried values, from {found[0].trials} complete trials",
    )
    return Drawing(_importance(), title, {"rows": rows})


@form
def _importance() -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(named("rows"))
        .mark_bar(height={"band": 0.6})
        .encode(
            x=alt.X("share:Q", axis=share_axis("share of the variance of mean UA", tickCount=6)),
            y=alt.Y("parameter:N", sort=None, title=None),
            tooltip=[alt.Tooltip("parameter:N"), alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH, height=alt.Step(STEP))
    )
    return chart


def slices_chart(study: StudyView) -> Drawing | None:
    """Mean UA of the trials against each searched parameter.

    Returns:
        None if no trial has a score, or no parameter has more than one value.
    """
    scored = _scored(study)
    names = [name for name in study.searched if any(name in t["parameters"] for t in scored)]
    if not scored or not names:
        return None
    datasets = {
        f"slice{place}": [
            {**_point(trial), "value": trial["parameters"][name]}
            for trial in scored
            if name in trial["parameters"]
        ]
        for place, name in enumerate(names)
    }
    kinds = [_kind([row["value"] for row in rows]) for rows in datasets.values()]
    title = titled("Mean UA against each searched parameter")
    return Drawing(_slices(tuple(names), tuple(kinds), _pruned(scored)), title, datasets)


Kind: TypeAlias = Literal["names", "log", "linear"]


def _kind(values: list[Any]) -> Kind:
    """The axis of the values of a parameter."""
    if any(isinstance(value, str) for value in values):
        return "names"
    return "log" if is_logarithmic(values) else "linear"


@form
def _slices(names: tuple[str, ...], kinds: tuple[Kind, ...], pruned: bool) -> alt.ConcatChart:
    panels = [
        _slice(name, kind, pruned, place)
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return alt.concat(*panels, columns=COLUMNS, spacing=24)


def _slice(name: str, kind: Kind, pruned: bool, place: int) -> alt.Chart:
    first = not place % COLUMNS
    y = alt.Y(
        "mean_uar:Q",
        scale=alt.Scale(zero=False, padding=10),
        axis=share_axis("mean UA" if first else "", tickCount=5),
    )
    x: alt.X
    if kind == "names":
        x = alt.X("value:N", title=name, axis=alt.Axis(labelAngle=-35))
    else:
        x = alt.X(
            "value:Q",
            title=name,
            scale=alt.Scale(type=kind, zero=False, nice=False, padding=10),
            axis=alt.Axis(format="~g", tickCount=5, labelOverlap=True),
        )
    chart: alt.Chart = (
        alt.Chart(named(f"slice{place}"))
        .mark_point(opacity=1, size=45)
        .encode(
            x=x,
            y=y,
            **_by_state(pruned),
            tooltip=[alt.Tooltip(field="value", type="nominal", title=name), *_tooltip()],
        )
        .properties(width=NARROW, height=NARROW)
    )
    return chart


def _scored(study: StudyView) -> list[dict[str, Any]]:
    """The complete and pruned trials, in their order."""
    return [trial for trial in study.detail["trials"] if trial["state"] in (COMPLETE, PRUNED)]


def _point(trial: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a trial in a chart, with a field for each parameter."""
    parameters = {f"p{place}": value for place, value in enumerate(trial["parameters"].values())}
    facts = {name: trial[name] for name in ("trial", "state", "mean_uar")}
    return {**facts, "folds": len(trial["folds"]), **parameters}


def _pruned(scored: list[dict[str, Any]]) -> bool:
    return any(trial["state"] == PRUNED for trial in scored)


def _by_state(pruned: bool) -> dict[str, alt.Color | alt.Shape]:
    """Colour and shape of a trial by its state, with a legend if there are pruned ones."""
    legend = alt.Legend() if pruned else None
    states = [COMPLETE, PRUNED]
    shapes = alt.Scale(domain=states, range=["circle", "cross"])
    return {
        "color": alt.Color("state:N", scale=alt.Scale(domain=states), title=None, legend=legend),
        "shape": alt.Shape("state:N", scale=shapes, title=None, legend=legend),
    }


def _tooltip(parameters: tuple[str, ...] = ()) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("trial:Q"),
        alt.Tooltip("state:N"),
        alt.Tooltip("mean_uar:Q", title="mean UA", format=".1%"),
        alt.Tooltip("folds:Q", title="trainings"),
        *(
            alt.Tooltip(field=f"p{place}", type="nominal", title=name)
            for place, name in enumerate(parameters)
        ),
    ]
