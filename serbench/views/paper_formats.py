"""The tables of a comparison for papers as text: LaTeX, Markdown, CSV and lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from serbench import __version__
from serbench.data.cells import csv_text
from serbench.score.confusion import COUNT_METRICS, CountMetric
from serbench.views.entry import EntryView
from serbench.views.groups import GroupScore
from serbench.views.paper_table import ComparedEntry, PaperComparison
from serbench.views.tables import Bold, latex_table, markdown_table, markdown_text

Format = Literal["latex", "markdown", "csv"]

DAGGER = "†"

LABELS: dict[CountMetric, str] = {"uar": "UA", "accuracy": "WA", "macro_f1": "macro-F1"}

SCORED = "Scores in per cent with 95 % intervals over test speakers (cluster bootstrap)."

ALIKE = (
    f"the highest UA; {DAGGER}: not distinguishable from it (paired bootstrap over test speakers, "
    "5 % level, corrected by Bonferroni for the number of other systems)."
)


DIFFERENCE = (
    "Difference in UA: to the best system, in points; these intervals hold together at 95 %."
)


@dataclass(frozen=True)
class TextTable:
    """A table of literal text.

    Attributes:
        name: a short name, for labels.
        columns: headings; those marked with ``>`` are aligned right.
        rows: cells, ``Bold`` for the best.
        caption: what is shown, as sentences.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: tuple[str, ...]


def results_table(found: PaperComparison, bold: str = "Bold") -> TextTable:
    """The scores of all entries, best UA first.

    Args:
        found: the comparison.
        bold: how the best entry is marked, for the caption.
    """
    columns = ["system", *(f">{LABELS[metric]}" for metric in COUNT_METRICS), ">difference in UA"]
    ranked, times = found.mean_ranks is not None, found.one_place
    columns += [">mean rank"] * ranked + [">parameters"] + [">p90 ms"] * times
    place = found.first.latency
    caption = [found.tested_on, SCORED]
    if len(found.rows) > 1:
        caption += [f"{bold}: {ALIKE}", DIFFERENCE]
    if found.friedman is not None:
        caption.append(f"Mean rank of UA over test speakers, 1 is best. {found.friedman}")
    if times:
        threads = f"{place.threads} thread{'s' * (place.threads > 1)}"
        caption.append(f"p90 ms: latency for one clip, {place.place_text}, {threads}.")
    rows = []
    for row in found.rows:
        cells = [Bold(row.label) if row.best else row.label]
        cells += [_score(row, metric) for metric in COUNT_METRICS]
        cells.append("" if row.behind is None else _points(row.behind.difference, _ends(row)))
        if ranked:
            cells.append("" if row.mean_rank is None else f"{row.mean_rank:.2f}")
        cells.append(_count(row.view.params))
        if times:
            cells.append(_milliseconds(row.view))
        rows.append(tuple(cells))
    return TextTable("results", tuple(columns), tuple(rows), (*caption, *found.notes))


def groups_table(found: PaperComparison) -> TextTable:
    """UA of each group of clips of each entry."""
    labels = {row.view.entry: row.label for row in found.rows}
    rows, before = [], None
    for group in found.groups:
        label = labels[group.entry]
        shown = "" if (group.trait, group.entry) == before else label
        before = group.trait, group.entry
        rows.append((shown, group.trait, *_group_cells(group)))
    columns = ("system", "by", "group", ">speakers", ">clips", ">emotions", ">UA", ">difference")
    return TextTable(
        "groups",
        columns,
        tuple(rows),
        (
            found.tested_on,
            "UA of each group of test clips in per cent, over the emotions that occur in it, with "
            "95 % intervals over speakers; not corrected for the selection of a winner.",
            "Difference: UA of the group minus that of all other groups, in points, on the "
            "emotions of both; the intervals of one system and division hold together at 95 %.",
            f"{DAGGER}: the smallest group.",
        ),
    )


def _group_cells(group: GroupScore) -> tuple[str, ...]:
    return (
        group.group + DAGGER * group.smallest,
        str(group.speakers),
        f"{group.clips:,}",
        str(group.emotions),
        _percent(group.uar, group.uar_ci),
        "" if group.difference is None else _points(group.difference, group.difference_ci),
    )


def as_text(found: PaperComparison, format_: Format, by: bool, command: str) -> str:
    """The results, or with ``by`` the groups of clips, in one format.

    Args:
        found: the comparison.
        format_: ``latex``, ``markdown`` or ``csv``.
        by: whether the groups are written.
        command: command that makes this table again, for a comment.
    """
    if format_ == "csv":
        rows = [each.as_flat_dict() for each in (found.groups if by else found.rows)]
        return csv_text(list(dict.fromkeys(name for row in rows for name in row)), rows)
    table = groups_table(found) if by else results_table(found)
    if format_ == "markdown":
        caption = " ".join(markdown_text(sentence) for sentence in table.caption)
        return f"{markdown_table(table.columns, table.rows)}\n\n{caption}\n"
    body = latex_table(table.columns, table.rows, " ".join(table.caption), f"tab:{table.name}")
    comments = (f"made by serbench {__version__}: {command}", r"needs \usepackage{booktabs}")
    return "".join(f"% {' '.join(each.split())}\n" for each in comments) + body + "\n"


def _score(row: ComparedEntry, metric: CountMetric) -> str:
    score = row.view.scores[metric]
    text = _percent(score.value, score.interval)
    if metric != "uar":
        return text
    return Bold(text) if row.best else text + DAGGER * row.alike


def _ends(row: ComparedEntry) -> tuple[float, float] | None:
    return None if row.behind is None else row.behind.interval


def _percent(share: float, ends: Sequence[float] | None) -> str:
    return f"{100 * share:.1f}" + ("" if ends is None else f" ({_range(ends)})")


def _range(ends: Sequence[float]) -> str:
    low, high = (f"{100 * end:.1f}" for end in ends)
    return f"{low}–{high}"


def _points(difference: float, ends: Sequence[float] | None) -> str:
    """A difference in points with signs; a minus is the mathematical character."""
    shown = [f"{100 * each:+.1f}" for each in (difference, *(ends or ()))]
    value, *between = (each.replace("-", "−").replace("−0.0", "0.0") for each in shown)
    return value + (f" ({' to '.join(between)})" if between else "")


def _count(params: int | None) -> str:
    if params is None:
        return ""
    return f"{params / 1e6:.2f} M" if params >= 1e5 else f"{params / 1e3:.1f} k"


def _milliseconds(view: EntryView) -> str:
    latency = view.latency
    ends = (latency.p90_low, latency.p90_high)
    between = "" if None in ends else f" ({ends[0]:.1f}–{ends[1]:.1f})"
    return f"{latency.p90:.1f}{between}"
