"""The data of the page that compares any two entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serbench.score.confusion import recalls
from serbench.score.ranks import AllDifferences, all_differences
from serbench.views.comparison import KnownSelections, Together
from serbench.views.entry import EntryView
from serbench.views.site.entry_page import system_of
from serbench.views.site.figures import packed
from serbench.views.site.parts import (
    DASH,
    Cell,
    counted,
    interval,
    number,
    plain,
    share,
    short_count,
)

COMPARE_PATH = "compare.html"
DATA_PATH = "data/compare.js"

MILLIONTHS, HUNDREDTHS = 1e6, 1e4
"""Scores are stored in millionths, and ends of intervals in hundredths of a point."""


def comparison_script(
    views: Sequence[EntryView], emotions: Mapping[int, Sequence[str]], known: KnownSelections
) -> str:
    """A script with all entries and the differences of those that can be compared.

    Args:
        views: all entries, each once.
        emotions: entry → label set; entries without one have no recalls.
        known: that of `Together`.
    """
    groups: dict[tuple[str, bool], list[EntryView]] = defaultdict(list)
    for view in views:
        groups[view.protocol_id, bool(view.known_speakers)].append(view)
    texts: dict[str, int] = {}  # many entries have the same ones
    data = {
        "labels": [label for label, _ in _facts(views[0])],
        "entries": {
            view.entry: _entry(view, emotions.get(view.entry, ()), texts) for view in views
        },
        "texts": list(texts),
        "groups": [_group(group, known) for group in groups.values()],
    }
    return f'self.serbenchCompare = "{packed(data)}";\n'


def _entry(view: EntryView, emotions: Sequence[str], texts: dict[str, int]) -> dict[str, Any]:
    """An entry, of whose facts the places in ``texts`` are given; new ones are added to it."""

    def place(text: str) -> int:
        return texts.setdefault(text, len(texts))

    found = recalls(view.tally.confusion)
    return {
        "name": f"{view.entry}: {system_of(view)}",
        "facts": [place(cell.text or DASH) for _, cell in _facts(view)],
        "emotions": [place(emotion) for emotion in emotions],
        "recalls": [None if np.isnan(each) else round(100 * float(each), 1) for each in found],
    }


def _facts(view: EntryView) -> list[tuple[str, Cell]]:
    latency, scores = view.latency, view.scores
    return [
        ("UA, %", share(view.uar)),
        ("95 % CI of UA", interval(scores["uar"].interval)),
        *((label, share(scores[name].value if name in scores else None)) for name, label in SHARES),
        ("p50, ms", number(latency.p50, 1)),
        ("p90, ms", number(latency.p90, 1)),
        ("p99, ms", number(latency.p99, 1)),
        ("latency in", plain(_place(view) if latency.runtime else DASH)),
        ("size, MB", number(view.size_mb, 1)),
        ("parameters", short_count(view.params)),
        ("dataset", plain(view.dataset)),
        ("protocol", plain(view.protocol_id)),
        ("evidence", plain(view.evidence_text)),
        ("test speakers", plain(view.speakers)),
        ("front end", plain(view.front_end)),
        ("weights", plain(view.weights)),
        ("pretrained on", plain(view.pretraining)),
        ("clips", plain(view.clips)),
        ("commercial use", plain(view.commercial)),
    ]


def _place(view: EntryView) -> str:
    return f"{view.latency.place_text}, {counted(view.latency.threads, 'thread')}"


SHARES = (("accuracy", "WA, %"), ("macro_f1", "macro-F1, %"))


def _group(group: Sequence[EntryView], known: KnownSelections) -> dict[str, Any]:
    """Entries that can be compared, with their scores and the intervals of their differences."""
    bootstrapped = Together(group, known).scores()
    found = all_differences(bootstrapped)
    scores = [round(MILLIONTHS * each.score) for each in bootstrapped]
    intervals = {} if found is None else _intervals(found, scores)
    return {"entries": [view.entry for view in group], "scores": scores, **intervals}


def _intervals(found: AllDifferences, scores: Sequence[int]) -> dict[str, list[int]]:
    """The interval of each difference of two scores, and its p in thousandths.

    The pairs are the first entry with all later ones, the second one with all later ones, and so
    on. There are many of them, so that only what does not follow from the scores is stored, in
    numbers of few digits: how far the lower end is below the difference, and how much further the
    upper end is above it, which is rarely more than a rounding.
    """
    first, second = np.triu_indices(len(scores), 1)
    lead = (np.array(scores)[first] - np.array(scores)[second]) * HUNDREDTHS / MILLIONTHS
    below = np.round(lead - HUNDREDTHS * found.low[first, second])
    above = np.round(HUNDREDTHS * found.high[first, second] - lead)
    columns = {"below": below, "further": above - below, "p": 1000 * found.p[first, second]}
    return {name: np.round(each).astype(np.int64).tolist() for name, each in columns.items()}
