"""Exhibit 1: sample rates of a dataset's recordings."""

from __future__ import annotations

from collections import Counter

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from serbench.data.manifest import Manifest
from serbench.views.printed import UNKNOWN, PrintedPaper
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.style import COLOURS, GREY, HATCHES, new_figure
from serbench.views.tables import markdown_table


def sample_rates(manifest: Manifest, paper: PrintedPaper) -> Exhibit:
    """Clips per sample rate and corpus."""
    counts = count_rates(manifest)
    corpora = sorted(set(manifest.corpora.tolist()))
    rows = [
        [f"{rate:,}", *(f"{count:,}" for count in row.values()), f"{sum(row.values()):,}", ""]
        for rate, row in counts.items()
    ]
    totals = [f"{sum(row[corpus] for row in counts.values()):,}" for corpus in corpora]
    rows.append(["all", *totals, f"{len(manifest):,}", f"{paper.clips:,}"])
    return Exhibit(
        name="1-sample-rates",
        title="Sample rates of the recordings",
        caption="Clips per native sample rate and corpus. Every clip is resampled before use (the "
        f"paper: to {paper.sample_rate:,} Hz). Column *paper*: clips of the paper's four corpora; "
        f"their distribution over sample rates is {UNKNOWN}.",
        data=[
            {"sample_rate_hz": rate, "corpus": corpus, "clips": clips}
            for rate, row in counts.items()
            for corpus, clips in row.items()
        ],
        body=markdown_table([">Hz", *(f">{name}" for name in corpora), ">all", ">paper"], rows),
        draw=lambda: _draw(counts, corpora),
    )


def count_rates(manifest: Manifest) -> dict[int, dict[str, int]]:
    """Sample rate in Hz → corpus → number of clips, including zeros; in ascending order."""
    pairs = Counter((u.sample_rate, u.corpus) for u in manifest.utterances)
    corpora = sorted({corpus for _, corpus in pairs})
    return {
        rate: {corpus: pairs[rate, corpus] for corpus in corpora}
        for rate in sorted({rate for rate, _ in pairs})
    }


def _draw(counts: dict[int, dict[str, int]], corpora: list[str]) -> Figure:
    figure = new_figure(2.9)
    axes = figure.subplots()
    places = range(len(counts))
    below = [0] * len(counts)
    for number, corpus in enumerate(corpora):
        heights = [row[corpus] for row in counts.values()]
        axes.bar(
            places,
            heights,
            width=0.6,
            bottom=below,
            label=corpus,
            color=COLOURS[number % len(COLOURS)],
            hatch=HATCHES[number // len(COLOURS) % len(HATCHES)],
            edgecolor="white",
            linewidth=0.6,
        )
        below = [low + height for low, height in zip(below, heights, strict=True)]
    for place, total in zip(places, below, strict=True):
        axes.annotate(f"{total:,}", (place, total), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks(places, [f"{rate:,}" for rate in counts])
    middle, half = (len(counts) - 1) / 2, max(len(counts), 3) / 2
    axes.set_xlim(middle - half, middle + half)
    axes.margins(y=0.12)
    axes.set_xlabel("native sample rate (Hz)")
    axes.set_ylabel("clips")
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y")
    axes.tick_params(axis="x", color=GREY)
    figure.legend(loc="outside upper center", ncols=min(len(corpora), 6))
    return figure
