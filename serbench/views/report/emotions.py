"""Exhibit 4: recall of each emotion by model, averaged over schedules (Table 1 of the paper)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from serbench.data.cells import Cell
from serbench.score.groups import mean_recalls
from serbench.score.metric import Score
from serbench.views.printed import UNKNOWN, PrintedPaper
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.labels import model_label, models, on_one_line
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
from serbench.views.report.style import GREY, new_figure
from serbench.views.report.table import percent, printed_percent, scored
from serbench.views.tables import Markdown, markdown_table

COLUMNS = 3
"""Panels in a row of the figure."""


@dataclass(frozen=True)
class ModelRecalls:
    """Recalls of one model.

    Attributes:
        label: label of the model, in lines.
        backbone: name of the backbone, without a tag.
        entries: entries that were averaged.
        scores: recall of each emotion of the label set with its 95 % interval over speakers; NaN
            where no tested clip has it.
    """

    label: str
    backbone: str
    entries: tuple[Entry, ...]
    scores: tuple[Score, ...]

    @property
    def recalls(self) -> npt.NDArray[np.float64]:
        """Recall of each emotion ``[n_emotions]``."""
        return np.array([score.value for score in self.scores])


def average_recalls(entries: Sequence[Entry]) -> list[ModelRecalls]:
    """Holdout recalls per emotion of each model, averaged over schedules with equal weights.

    Several entries of one model and schedule (with different seeds) are averaged first.
    """
    averaged = []
    for group in models(entries):
        counts = Counter(entry.schedule for entry in group)
        weights = [1 / len(counts) / counts[entry.schedule] for entry in group]
        found = mean_recalls([entry.view.tally for entry in group], weights)
        averaged.append(
            ModelRecalls(
                label=model_label(group[0], entries),
                backbone=group[0].backbone.partition(".")[0],
                entries=tuple(group),
                scores=tuple(Score(recall, *(ends or ())) for recall, ends in found),
            )
        )
    return averaged


def best_models(averaged: Sequence[ModelRecalls]) -> list[set[int]]:
    """For each emotion, the indices of the models with the highest recall; none where it is 0."""
    columns = np.array([model.recalls for model in averaged]).T
    return [
        {number for number, recall in enumerate(column) if recall == column.max() > 0}
        for column in columns
    ]


def emotions(material: Material, paper: PrintedPaper) -> Exhibit:
    """Recall per emotion of each model, and the best model of each emotion."""
    averaged = average_recalls(material.entries)
    best = best_models(averaged)
    return Exhibit(
        name="4-emotions",
        title="Recall per emotion, averaged over schedules",
        caption="Share of each emotion's tested clips that were predicted correctly (recall, "
        "per cent), computed from the stored logits and averaged over the schedules a model was "
        "trained with, with 95 % intervals over speakers, and not corrected for the selection of a "
        "winner; the last column is the best model of each emotion (dark in the figure). "
        "Columns *paper* are Table 1 of the paper, for its own dataset; an empty cell is "
        f"{UNKNOWN}.",
        data=_data(material.manifest.emotions, averaged, best, paper),
        body=_body(material.manifest.emotions, averaged, best, paper),
        draw=lambda: _draw(material.manifest.emotions, averaged, best, paper),
    )


def _printed(paper: PrintedPaper, model: ModelRecalls, emotion: str) -> float | None:
    return paper.recalls.get(model.backbone, {}).get(emotion)


def _data(
    names: Sequence[str],
    averaged: Sequence[ModelRecalls],
    best: Sequence[set[int]],
    paper: PrintedPaper,
) -> list[dict[str, Cell]]:
    return [
        {
            "emotion": emotion,
            "model": on_one_line(model.label),
            "entries": " ".join(str(entry.number) for entry in model.entries),
            "schedules": len({entry.schedule for entry in model.entries}),
            "tested_clips": int(model.entries[0].tested.confusion[place].sum()),
            "recall": model.scores[place].value,
            "recall_low": model.scores[place].low,
            "recall_high": model.scores[place].high,
            "best": int(number in best[place]),
            "paper_recall": _printed(paper, model, emotion),
        }
        for place, emotion in enumerate(names)
        for number, model in enumerate(averaged)
    ]


def _body(
    names: Sequence[str],
    averaged: Sequence[ModelRecalls],
    best: Sequence[set[int]],
    paper: PrintedPaper,
) -> str:
    columns = ["emotion"]
    for model in averaged:
        columns.append(f">{on_one_line(model.label)}")
        if model.backbone in paper.backbones:
            columns.append(f">paper: {model.backbone}")
    rows = []
    for place, emotion in enumerate(names):
        row = [emotion]
        for number, model in enumerate(averaged):
            share = scored(model.scores[place])
            row.append(Markdown(f"**{share}**") if number in best[place] else share)
            if model.backbone in paper.backbones:
                row.append(printed_percent(_printed(paper, model, emotion)))
        winners = [on_one_line(averaged[number].label) for number in sorted(best[place])]
        rows.append([*row, "; ".join(winners)])
    return markdown_table([*columns, "best model"], rows)


def _draw(
    names: Sequence[str],
    averaged: Sequence[ModelRecalls],
    best: Sequence[set[int]],
    paper: PrintedPaper,
) -> Figure:
    labels = [model.label for model in averaged]
    n_rows = -(-len(names) // COLUMNS)
    figure = new_figure(n_rows * (rows_height(labels, least=0.28) + 0.42) + 0.75)
    panels = figure.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(names) :]:
        panel.set_visible(False)
    for place, (emotion, axes) in enumerate(zip(names, panels.flat, strict=False)):
        [offset] = row_axes(axes, labels, 1)
        for number, model in enumerate(averaged):
            score = model.scores[place]
            if not np.isnan(score.value):
                bar(axes, [number + offset], [100 * score.value], 1, 0, number in best[place])
            mark_interval(axes, number + offset, score.value, score.interval)
            text = percent(score.value) or "no clips"
            axes.text(103, number, text, va="center", fontsize=8)
            known = _printed(paper, model, emotion)
            if known is not None:
                mark_printed(axes, 100 * known, number)
        chance = percent_axis(axes, 1 / len(names), step=50)
        axes.set_title(emotion, loc="left", fontweight="bold")
        axes.tick_params(axis="x", color=GREY)
    figure.supxlabel("recall (per cent of the emotion's tested clips)", fontsize=8.5)
    interval = Line2D([], [], **INTERVAL_MARK)
    handles: list[Patch | Line2D] = [bar_key(0, full=True), bar_key(0), interval, chance]
    texts = ["best model", "other models", "95 % interval", "chance"]
    if any(_printed(paper, model, emotion) is not None for model in averaged for emotion in names):
        handles.append(Line2D([], [], marker="D", color="black", markersize=4.5, linestyle="none"))
        texts.append("paper, on its own dataset")
    figure.legend(handles, texts, loc="outside upper center", ncols=5)
    return figure
