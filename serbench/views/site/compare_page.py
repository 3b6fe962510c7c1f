"""The data of the page that compares any two entries."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from serbench.score.confusion import recalls
from serbench.score.ranks import AllDifferences, all_differences
from serbench.views.comparison import KnownSelections, Together
from serbench.views.entry import EntryView
from serbench.views.site.entry_page import entry_path, system_of
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

TENTH = 1e4
"""Differences are stored in hundredths of a point, as whole numbers."""


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
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"self.serbenchCompare = {text};\n"


def _entry(view: EntryView, emotions: Sequence[str], texts: dict[str, int]) -> dict[str, Any]:
    """An entry, of whose facts the places in ``texts`` are given; new ones are added to it."""

    def place(text: str) -> int:
        return texts.setdefault(text, len(texts))

    found = recalls(view.tally.confusion)
    return {
        "name": f"{view.entry}: {system_of(view)}",
        "path": entry_path(view.entry),
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
    """Entries with the differences of each pair: the first with all later ones, and so on."""
    found = all_differences(Together(group, known).scores())
    return {
        "entries": [view.entry for view in group],
        "pairs": [] if found is None else list(_pairs(found)),
    }


def _pairs(found: AllDifferences) -> Iterable[int]:
    """Difference, both ends of its interval, and p in thousandths, of each pair in a row."""
    above = np.triu_indices(len(found.difference), 1)
    ends = [np.round(TENTH * each[above]) for each in (found.difference, found.low, found.high)]
    table = np.stack([*ends, np.round(1000 * found.p[above])], axis=1).astype(np.int64)
    return [int(each) for each in table.ravel()]
