"""The charts of a dataset, a study, an entry or a leaderboard together, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serbench.data.manifest import Manifest
from serbench.errors import UsageError
from serbench.views.charts.corpus import emotions_chart, lengths_chart
from serbench.views.charts.curves import curves_chart
from serbench.views.charts.drawing import Drawing
from serbench.views.charts.entry import confusion_chart, recall_chart, speakers_chart
from serbench.views.charts.front import front_chart
from serbench.views.charts.latency import latency_parts_chart
from serbench.views.charts.probabilities import rejection_chart, reliability_chart
from serbench.views.charts.study import (
    importance_chart,
    slices_chart,
    trials_chart,
)
from serbench.views.detail import EntryDetail
from serbench.views.ranking import RankingView
from serbench.views.study import StudyView

CORPUS = ("emotions", "lengths")
STUDY = ("trials", "importance", "slices", "curves")
ENTRY = (
    *("confusion", "recall", "speakers", "reliability", "rejection", "latency"),
    *STUDY,
)
"""Names of the charts; those of an entry are followed by those of its study."""

COLUMNS = 2

Pictures = Mapping[str, Drawing | None]
"""Name → chart, or None where there is nothing to draw."""


def corpus_pictures(manifest: Manifest) -> Pictures:
    """The charts of a dataset."""
    return {"emotions": emotions_chart(manifest), "lengths": lengths_chart(manifest)}


def study_pictures(study: StudyView) -> Pictures:
    """The charts of a study.

    Args:
        study: with its trials, from ``study_view``.
    """
    return {
        "trials": trials_chart(study),
        "importance": importance_chart(study),
        "slices": slices_chart(study),
        "curves": curves_chart(study),
    }


def entry_pictures(detail: EntryDetail, study: StudyView | None) -> Pictures:
    """The charts of an entry and of its study.

    Args:
        detail: the entry.
        study: its study with its trials; None for an import.
    """
    charts: dict[str, Drawing | None] = {
        "confusion": confusion_chart(detail),
        "recall": recall_chart(detail),
        "speakers": speakers_chart(detail),
        "reliability": reliability_chart(detail.calibration),
        "rejection": rejection_chart(detail.calibration),
        "latency": latency_parts_chart(detail.latencies),
    }
    return {**charts, **(dict.fromkeys(STUDY) if study is None else study_pictures(study))}


def front_pictures(rankings: Sequence[RankingView]) -> Pictures:
    """The front of each ranking, by the ranking's title."""
    return {
        ranking.title: front_chart(ranking.rows, *_halves(ranking.title)) for ranking in rankings
    }


def together(pictures: Pictures, names: Sequence[str] = ()) -> Drawing:
    """Several charts as one picture.

    Args:
        pictures: charts by name.
        names: names of the charts to draw; by default all that have something to draw.

    Raises:
        UsageError: one of these charts has nothing to draw, or all of them.
    """
    empty = [name for name in names or () if pictures[name] is None]
    if empty:
        raise UsageError(
            f"there is nothing to draw for {', '.join(empty)}: choose from "
            f"{', '.join(name for name, chart in pictures.items() if chart is not None)}",
            empty=tuple(empty),
        )
    charts = [pictures[name] for name in names or pictures]
    drawn = [chart for chart in charts if chart is not None]
    if not drawn:
        raise UsageError("there is nothing to draw: no result has the numbers that are drawn")
    if len(drawn) == 1:
        return drawn[0]
    columns = COLUMNS if len(drawn) > COLUMNS else 1
    parts = [_apart(chart, f"{place}-") for place, chart in enumerate(drawn)]
    form = {
        "concat": [{**part.form, "title": part.title} for part in parts],
        "columns": columns,
        "spacing": 36,
        "resolve": {"scale": dict.fromkeys(CHANNELS, "independent")},
    }
    datasets = {name: rows for part in parts for name, rows in part.datasets.items()}
    return Drawing(form, {}, datasets)


CHANNELS = ("color", "fill", "stroke", "shape", "strokeDash", "size")
"""What charts beside each other do not share."""


def _apart(chart: Drawing, prefix: str) -> Drawing:
    """The same chart with other names of its data."""

    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(each) for each in node]
        if not isinstance(node, dict):
            return node
        return {
            key: {"name": prefix + part["name"]} if key == "data" else renamed(part)
            for key, part in node.items()
        }

    datasets = {prefix + name: rows for name, rows in chart.datasets.items()}
    return Drawing(renamed(dict(chart.form)), chart.title, datasets)


def _halves(title: str) -> tuple[str, str]:
    """The title of a ranking in two lines: what was tested, and where the latency was measured."""
    parts = title.split(" · ")
    return " · ".join(parts[:3]), " · ".join(parts[3:])
