"""Charts of one entry: confusions, recall of each emotion, UA of each speaker."""

from __future__ import annotations

import altair as alt

from serbench.views.charts.drawing import Drawing, form, named
from serbench.views.charts.style import STEP, cells, layered, rows_of, share_axis, titled
from serbench.views.detail import EntryDetail
from serbench.views.printed import read_printed

CELL = 58
"""Width of a cell of a confusion matrix in pixels."""


def confusion_chart(detail: EntryDetail) -> Drawing:
    """The share of each predicted emotion (columns) among the clips of each true one (rows).

    The counts are in the tooltips. An emotion without tested clips has a row without cells, and is
    named below the title.
    """
    shares = [
        {
            "true": true,
            "predicted": predicted,
            "clips": clips,
            "of": sum(counts),
            "share": clips / sum(counts),
        }
        for true, counts in zip(detail.emotions, detail.confusion, strict=True)
        if sum(counts)
        for predicted, clips in zip(detail.emotions, counts, strict=True)
    ]
    untested = [
        emotion
        for emotion, counts in zip(detail.emotions, detail.confusion, strict=True)
        if not sum(counts)
    ]
    title = titled(
        "Predicted emotions of each true emotion",
        "share of the true emotion's clips",
        f"without tested clips: {', '.join(untested)}" if untested else None,
    )
    return Drawing(_confusion(detail.emotions), title, {"shares": shares})


@form
def _confusion(order: tuple[str, ...]) -> alt.LayerChart:
    scale = alt.Scale(domain=list(order))
    base = alt.Chart(named("shares")).encode(
        x=alt.X("predicted:N", scale=scale, title="predicted", axis=alt.Axis(labelAngle=-35)),
        y=alt.Y("true:N", scale=scale, title="true"),
        tooltip=[
            alt.Tooltip("true:N"),
            alt.Tooltip("predicted:N"),
            alt.Tooltip("clips:Q"),
            alt.Tooltip("of:Q", title="of clips"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    squares = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, 1]), legend=None)
    )
    return layered(
        squares,
        *cells(base, "share", alt.Text("share:Q", format=".0%"), 1),
        width=CELL * len(order),
        height=0.6 * CELL * len(order),
    )


def recall_chart(detail: EntryDetail) -> Drawing:
    """Recall of each emotion with its 95 % interval, and the recall that the paper prints.

    An emotion without tested clips has an empty row, and is named below the title.
    """
    rows = [
        {
            "emotion": emotion,
            "recall": recall,
            "source": HERE,
            "low": ends and ends[0],
            "high": ends and ends[1],
        }
        for emotion, recall, ends in zip(
            detail.emotions, detail.recalls, detail.recall_intervals, strict=True
        )
        if recall is not None
    ]
    untested = [
        emotion
        for emotion, recall in zip(detail.emotions, detail.recalls, strict=True)
        if recall is None
    ]
    paper = read_printed().paper.recalls.get(detail.view.backbone.partition(".")[0], {})
    printed = [
        {"emotion": emotion, "recall": recall, "source": PAPER}
        for emotion, recall in paper.items()
        if emotion in detail.emotions
    ]
    title = titled(
        "Recall of each emotion",
        "dashed: chance",
        f"without tested clips: {', '.join(untested)}" if untested else None,
    )
    chance = [{"recall": 1 / len(detail.emotions)}]
    return Drawing(
        _recall(detail.emotions, bool(printed)),
        title,
        {"chance": chance, "rows": rows, "points": [*rows, *printed]},
    )


@form
def _recall(emotions: tuple[str, ...], printed: bool) -> alt.LayerChart:
    x = alt.X("recall:Q", scale=alt.Scale(domain=[0, 1]), axis=share_axis("recall"))
    y = alt.Y("emotion:N", scale=alt.Scale(domain=list(emotions)), title=None)
    base = alt.Chart(named("rows"))
    ends = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    sources = [HERE, *([PAPER] if printed else [])]
    shapes = ["circle", "diamond"][: len(sources)]
    points = (
        alt.Chart(named("points"))
        .mark_point(filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("source:N", scale=alt.Scale(domain=sources), title=None),
            shape=alt.Shape("source:N", scale=alt.Scale(domain=sources, range=shapes), title=None),
            tooltip=[
                alt.Tooltip("emotion:N"),
                alt.Tooltip("source:N"),
                alt.Tooltip("recall:Q", format=".1%"),
                alt.Tooltip("low:Q", title="95 % from", format=".1%"),
                alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            ],
        )
    )
    chance = alt.Chart(named("chance")).mark_rule(strokeDash=[4, 4])
    return layered(
        chance.encode(x=x, tooltip=alt.value("chance")),
        ends.transform_filter("isValid(datum.low)"),
        points,
        height=STEP * len(emotions),
    )


HERE = "this entry, with its 95 % interval"
PAPER = "the paper, on its own dataset"


def speakers_chart(detail: EntryDetail) -> Drawing:
    """UA of each test speaker, worst first, and the entry's UA as a line."""
    rows = [
        {"speaker": each.name, "uar": each.uar, "accuracy": each.accuracy, "clips": each.clips}
        for each in detail.speakers
    ]
    title = titled("UA of each test speaker, worst first", "dashed: UA of the entry")
    return Drawing(_speakers(len(rows)), title, {"whole": [{"uar": detail.view.uar}], "rows": rows})


@form
def _speakers(count: int) -> alt.LayerChart:
    x = alt.X("uar:Q", scale=alt.Scale(domain=[0, 1]), axis=share_axis("UA"))
    y, height = rows_of(count, "speaker")
    tooltip = [
        alt.Tooltip("speaker:N"),
        alt.Tooltip("uar:Q", title="UA", format=".1%"),
        alt.Tooltip("accuracy:Q", title="WA", format=".1%"),
        alt.Tooltip("clips:Q"),
    ]
    points = alt.Chart(named("rows")).mark_point(filled=True, opacity=1)
    whole = alt.Chart(named("whole")).mark_rule(strokeDash=[4, 4])
    return layered(whole.encode(x=x), points.encode(x=x, y=y, tooltip=tooltip), height=height)
