"""Exhibit 3: the scores of each model and schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from serbench.data.cells import Cell
from serbench.score.metric import Score
from serbench.views.printed import UNKNOWN, Printed, PrintedPaper
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.labels import entry_labels, identity, on_one_line
from serbench.views.report.material import Entry, Material
from serbench.views.report.rows import (
    INTERVAL_MARK,
    bar,
    bar_key,
    mark_interval,
    mark_printed,
    percent_axis,
    row_axes,
    rows_height,
)
from serbench.views.report.style import DARK, new_figure
from serbench.views.report.table import percent, printed_percent, scored, spread
from serbench.views.tables import Markdown, markdown_table

Metric = Literal["uar", "accuracy"]

METRICS: dict[Metric, str] = {"uar": "UA", "accuracy": "WA"}

DASHES = ((0, (5, 2)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

FOLDS_MARK: dict[str, Any] = {
    "marker": "o",
    "markersize": 3.2,
    "color": "black",
    "markerfacecolor": "white",
    "markeredgewidth": 0.8,
    "linestyle": "none",
}


@dataclass(frozen=True)
class Summary:
    """One metric of an entry on all tested clips, and its mean and sd (n − 1) over the folds.

    The folds are those by which the winner was selected; an import may have none.
    """

    tested: Score
    mean: float | None
    sd: float | None


Summaries = dict[Metric, Summary]


def summarise(entry: Entry, metric: Metric) -> Summary:
    """A metric on all tested clips, and its mean and standard deviation over the folds."""
    folds = [getattr(fold, metric) for fold in entry.folds]
    return Summary(
        tested=entry.view.scores[metric],
        mean=float(np.mean(folds)) if folds else None,
        sd=float(np.std(folds, ddof=1)) if len(folds) > 1 else None,
    )


def accuracy(material: Material, printed: Printed) -> Exhibit:
    """UA and WA of every entry, beside figures that were published for other datasets."""
    entries, paper = material.entries, printed.paper
    summaries: list[Summaries] = [
        {metric: summarise(entry, metric) for metric in METRICS} for entry in entries
    ]
    return Exhibit(
        name="3-accuracy",
        title="Accuracy of each model and schedule",
        caption="UA (unweighted average recall) and WA (accuracy) on "
        f"{material.tested_on} ({len(material.manifest):,} clips in the dataset, "
        f"{entries[0].tested.confusion.sum():,} tested; protocol {material.protocol}, "
        f"{entries[0].view.evidence_text}), with 95 % intervals over speakers, and mean ± standard "
        "deviation over the folds of the winning trial. Columns *paper*: "
        "figures that Berhoff and Lu print for their dataset and one random split; an empty cell "
        f"is {UNKNOWN}. Their best overall accuracy on six emotions is "
        f"{printed_percent(paper.best_accuracy)} %. The figures of published systems were "
        "**measured on other datasets** and cannot be compared with scores on this dataset.",
        data=_data(entries, summaries, printed),
        body=_body(material, summaries, printed),
        draw=lambda: _draw(material, summaries, printed),
    )


def _printed(paper: PrintedPaper, entry: Entry, metric: Metric) -> float | None:
    known: Mapping[str, Mapping[str, float]] = getattr(paper, metric)
    return known.get(entry.backbone.partition(".")[0], {}).get(entry.schedule)


def _data(
    entries: Sequence[Entry], summaries: Sequence[Summaries], printed: Printed
) -> list[dict[str, Cell]]:
    records: list[dict[str, Cell]] = []
    for entry, summary in zip(entries, summaries, strict=True):
        record: dict[str, Cell] = {"source": "measured", **identity(entry)}
        for metric, found in summary.items():
            record |= {
                f"tested_{metric}": found.tested.value,
                f"tested_{metric}_low": found.tested.low,
                f"tested_{metric}_high": found.tested.high,
                f"folds_{metric}_mean": found.mean,
                f"folds_{metric}_sd": found.sd,
                f"paper_{metric}": _printed(printed.paper, entry, metric),
            }
        records.append(record)
    best: dict[str, Cell] = {"paper_accuracy": printed.paper.best_accuracy}
    records.append({"source": "printed: Berhoff and Lu, best overall, six emotions", **best})
    records += [
        {
            "source": f"printed: {system.name}, on {system.data}, another dataset",
            "printed_uar": system.uar,
            "printed_accuracy": system.accuracy,
        }
        for system in printed.systems
    ]
    return records


def _body(material: Material, summaries: Sequence[Summaries], printed: Printed) -> str:
    columns = ["model, schedule", "weights", ">entry"]
    columns += [">UA", ">paper UA", ">UA folds", ">WA", ">paper WA", ">WA folds"]
    rows = []
    labels = entry_labels(material.entries)
    for entry, label, summary in zip(material.entries, labels, summaries, strict=True):
        row = [on_one_line(label), entry.weights, str(entry.number)]
        for metric, found in summary.items():
            known = printed_percent(_printed(printed.paper, entry, metric))
            row += [scored(found.tested), known, spread(found.mean, found.sd)]
        rows.append(row)
    tops = [max(summary[metric].tested.value for summary in summaries) for metric in METRICS]
    best = [percent(top) for top in tops]
    paper_best = printed_percent(printed.paper.best_accuracy)
    rows.append([Markdown("**best**"), "", "", best[0], "", "", best[1], paper_best, ""])
    others = [
        [
            system.name,
            f"{system.data}, another dataset",
            printed_percent(system.uar),
            printed_percent(system.accuracy),
        ]
        for system in printed.systems
    ]
    return "\n\n".join(
        [
            markdown_table(columns, rows),
            "Published for other datasets (per cent):",
            markdown_table(["system", "dataset", ">UA", ">WA"], others),
        ]
    )


def _draw(material: Material, summaries: Sequence[Summaries], printed: Printed) -> Figure:
    entries, labels = material.entries, entry_labels(material.entries)
    figure = new_figure(rows_height(labels) + 1.4 + 0.17 * (1 + 2 * len(printed.systems)))
    axes = figure.subplots()
    offsets = row_axes(axes, labels, len(METRICS))
    for number, (metric, name) in enumerate(METRICS.items()):
        found = [summary[metric] for summary in summaries]
        places = [row + offsets[number] for row in range(len(labels))]
        bar(axes, places, [100 * value.tested.value for value in found], len(METRICS), number)
        for place, value, entry in zip(places, found, entries, strict=True):
            mark_interval(axes, place, value.tested.value, value.tested.interval)
            if value.mean is not None:
                axes.plot(100 * value.mean, place, zorder=5, **FOLDS_MARK)
            text = f"{name} {scored(value.tested)}"
            axes.text(101.5, place, text, va="center", fontsize=8)
            known = _printed(printed.paper, entry, metric)
            if known is not None:
                mark_printed(axes, 100 * known, place)
    chance = percent_axis(axes, 1 / len(material.manifest.emotions))
    axes.set_xlabel("per cent of clips (WA), mean per cent over emotions (UA)")
    references = _draw_references(axes, printed)
    bars = [bar_key(number) for number in range(len(METRICS))]
    folds = Line2D([], [], **FOLDS_MARK)
    interval = Line2D([], [], **INTERVAL_MARK)
    names = [f"{name}, all tested clips" for name in METRICS.values()]
    figure.legend(
        [*bars, interval, folds, chance],
        [*names, "95 % interval", "mean over folds", "chance"],
        loc="outside upper center",
        ncols=3,
    )
    figure.legend(handles=references, loc="outside lower center", handlelength=3.2)
    return figure


def _draw_references(axes: Axes, printed: Printed) -> list[Line2D]:
    """Draw a vertical line for each published figure; its label names the dataset."""
    best = printed.paper.best_accuracy
    text = f"printed by Berhoff and Lu: best WA {printed_percent(best)} %, six emotions"
    lines: list[tuple[float, str, Any, str]] = [(best, "black", "-", text)]
    for system, dashes in zip(printed.systems, cycle(DASHES), strict=False):
        for (metric, name), colour in zip(METRICS.items(), DARK, strict=True):
            value = getattr(system, metric)
            text = f"{system.name}, {name} {printed_percent(value)} %"
            lines.append(
                (value, colour, dashes, f"{text} (printed, on {system.data}, another dataset)")
            )
    return [
        axes.axvline(
            100 * value,
            color=colour,
            linestyle=dashes,
            linewidth=1.2,
            zorder=4,
            label=label,
        )
        for value, colour, dashes, label in lines
    ]
