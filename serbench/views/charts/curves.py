"""The curves of the trainings of a study's best trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from serbench.search.events import COMPLETE
from serbench.views.charts.drawing import Drawing, form, named
from serbench.views.charts.style import HEIGHT, WIDTH, counting_axis, layered, share_axis, titled
from serbench.views.study import StudyView


def curves_chart(study: StudyView) -> Drawing | None:
    """UA and loss on the validation speakers in each epoch of the best trial's trainings.

    Args:
        study: with its trials, from ``study_view``.

    Returns:
        None if no training has epochs, such as that of a head that is fitted.
    """
    trial = _best(study)
    if trial is None:
        return None
    rows = [
        {
            "fold": str(fold["fold"]),
            "epoch": epoch,
            "uar": uar,
            "loss": loss,
            "best": epoch == fold["best_epoch"],
        }
        for fold in trial["folds"]
        for epoch, (uar, loss) in enumerate(
            zip(fold["curve"], fold["losses"], strict=True), start=1
        )
    ]
    if not rows:
        return None
    folds = tuple(dict.fromkeys(row["fold"] for row in rows))
    last = {row["fold"]: row for row in rows}
    title = titled(
        f"Trainings of trial {trial['trial']}",
        "number: fold; filled point: epoch whose weights were kept",
    )
    specification = _curves(folds, max(row["epoch"] for row in rows))
    return Drawing(specification, title, {"epochs": rows, "ends": list(last.values())})


@form
def _curves(folds: tuple[str, ...], epochs: int) -> alt.HConcatChart:
    return alt.hconcat(
        _curve(folds, epochs, "uar", share_axis("validation UA")),
        _curve(folds, epochs, "loss", alt.Axis(title="validation loss")),
    )


def _curve(folds: tuple[str, ...], epochs: int, field: str, axis: alt.Axis) -> alt.LayerChart:
    x = alt.X(
        "epoch:Q",
        axis=counting_axis(epochs, "epoch"),
        scale=alt.Scale(zero=False, nice=False, padding=14),
    )
    y = alt.Y(f"{field}:Q", axis=axis, scale=alt.Scale(zero=False))
    colour = alt.Color("fold:N", scale=alt.Scale(domain=list(folds)), legend=None)
    base = alt.Chart(named("epochs")).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=[
            alt.Tooltip("fold:N"),
            alt.Tooltip("epoch:Q"),
            alt.Tooltip("uar:Q", title="UA", format=".1%"),
            alt.Tooltip("loss:Q", format=".4f"),
        ],
    )
    ends = alt.Chart(named("ends")).mark_text(align="left", dx=5)
    return layered(
        base.mark_line(strokeWidth=1.5),
        base.mark_point(filled=True, opacity=1, size=45).transform_filter("datum.best"),
        ends.encode(x=x, y=y, text="fold:N"),
        width=WIDTH / 2 - 20,
        height=0.7 * HEIGHT,
    )


def _best(study: StudyView) -> Mapping[str, Any] | None:
    """The winner, or in an unfinished study the best complete trial so far; None without one."""
    complete: list[dict[str, Any]] = [
        trial for trial in study.detail["trials"] if trial["state"] == COMPLETE
    ]
    if study.detail["entry"] is not None:
        winner = study.detail["entry"]["trial"]
        return next(trial for trial in complete if trial["trial"] == winner)
    return max(complete, key=lambda trial: float(trial["mean_uar"]), default=None)
