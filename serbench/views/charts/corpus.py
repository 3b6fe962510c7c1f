"""Charts of a dataset: clips of each emotion, speaker and corpus, and their lengths."""

from __future__ import annotations

from collections import Counter

import altair as alt
import numpy as np

from serbench.data.manifest import Manifest
from serbench.views.charts.drawing import Drawing, data, drawn
from serbench.views.charts.style import LEGIBLE, STEP, WIDTH, cells, layered, rows_of, titled

BINS = 40
"""Number of bins of a histogram."""


def emotions_chart(manifest: Manifest) -> Drawing:
    """The number of clips of each emotion in each corpus, and of each speaker."""
    order = list(manifest.emotions)
    corpora = Counter((each.corpus, each.emotion) for each in manifest.utterances)
    names = sorted({corpus for corpus, _ in corpora})
    rows = [
        {"corpus": corpus, "emotion": emotion, "clips": corpora[corpus, emotion]}
        for corpus in names
        for emotion in order
    ]
    y = alt.Y("emotion:N", scale=alt.Scale(domain=order), title=None)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("clips:Q", title="clips", axis=alt.Axis(tickMinStep=1)),
        y=y,
        tooltip=["corpus:N", "emotion:N", "clips:Q"],
    )
    bars = alt.layer(
        base.mark_bar(height={"band": 0.65}),
        base.mark_text(align="left", dx=4).encode(text="clips:Q"),
    ).properties(width=max(150, WIDTH / len(names) - 30), height=STEP * len(order))
    by_corpus = bars
    if len(names) > 1:
        by_corpus = bars.facet(column=alt.Column("corpus:N", title=None, sort=names))
    title = titled(f"Clips of each emotion in {manifest.name}")
    return drawn(alt.vconcat(by_corpus, _speakers(manifest), spacing=28), title)


def _speakers(manifest: Manifest) -> alt.LayerChart:
    counted = Counter((each.speaker, each.emotion) for each in manifest.utterances)
    speakers = sorted({speaker for speaker, _ in counted})
    rows = [
        {"speaker": speaker, "emotion": emotion, "clips": counted[speaker, emotion]}
        for speaker in speakers
        for emotion in manifest.emotions
    ]
    most, named = max(counted.values()), len(speakers) <= LEGIBLE
    y, height = rows_of(len(speakers), "speaker")
    base = alt.Chart(data(rows)).encode(
        x=alt.X(
            "emotion:N",
            scale=alt.Scale(domain=list(manifest.emotions)),
            title=None,
            axis=alt.Axis(labelAngle=-35),
        ),
        y=y,
        tooltip=["speaker:N", "emotion:N", "clips:Q"],
    )
    legend = None if named else alt.Legend(format="d", tickMinStep=1, gradientLength=160)
    colour = alt.Color("clips:Q", scale=alt.Scale(domain=[0, most]), legend=legend)
    counts = cells(base, "clips", alt.Text("clips:Q"), most) if named else []
    return layered(
        base.mark_rect().encode(color=colour),
        *counts,
        width=58 * len(manifest.emotions),
        height=height,
        title=titled("Clips of each speaker"),
    )


def lengths_chart(manifest: Manifest) -> Drawing:
    """A histogram of the lengths of the clips of each corpus, with the median as a line."""
    seconds = np.array([each.seconds for each in manifest.utterances])
    edges = np.histogram_bin_edges(seconds, bins=BINS)
    panels = []
    corpora = sorted(set(manifest.corpora.tolist()))
    for corpus in corpora:
        own = seconds[manifest.corpora == corpus]
        counts, _ = np.histogram(own, bins=edges)
        rows = [
            {"from": float(low), "to": float(high), "clips": int(count)}
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
            if count
        ]
        x = alt.X(
            "from:Q",
            bin="binned",
            title="length of the clip (s)" if corpus == corpora[-1] else "",
            scale=alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False),
        )
        bars = (
            alt.Chart(data(rows))
            .mark_bar(binSpacing=1)
            .encode(
                x=x,
                x2="to:Q",
                y=alt.Y("clips:Q", title="clips", axis=alt.Axis(tickMinStep=1, tickCount=4)),
                tooltip=[
                    alt.Tooltip("from:Q", title="from (s)", format=".2f"),
                    alt.Tooltip("to:Q", title="to (s)", format=".2f"),
                    alt.Tooltip("clips:Q"),
                ],
            )
        )
        middle = alt.Chart(data([{"middle": float(np.median(own))}]))
        panels.append(
            alt.layer(
                bars, middle.mark_rule(style="plain", strokeWidth=1.5).encode(x="middle:Q")
            ).properties(
                width=WIDTH,
                height=110,
                title=alt.TitleParams(
                    f"{corpus}: {len(own):,} clips, {own.min():.2f} to {own.max():.2f} s, "
                    f"median {np.median(own):.2f} s",
                    fontSize=12,
                    fontWeight="normal",
                ),
            )
        )
    return drawn(alt.vconcat(*panels), titled(f"Lengths of the clips in {manifest.name}"))
