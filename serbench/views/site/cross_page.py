"""The page of entries that were tested on the datasets of each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from serbench.views.cross import CrossCell
from serbench.views.site.entry_page import entry_path
from serbench.views.site.parts import DASH, Cell, Page, Section, Table, count, plain

CROSS_PATH = "datasets/cross.html"
"""Address of the page of entries tested on the datasets of each other."""


def cross_page(cells: Sequence[CrossCell], paths: Mapping[str, str]) -> Page:
    """The page of entries tested on the datasets of each other.

    Args:
        cells: the tests, with those of each entry on its own dataset.
        paths: dataset → address of its page.
    """
    columns = list(dict.fromkeys(cell.tested for cell in cells))
    rows: dict[int, dict[str, CrossCell]] = defaultdict(dict)
    for cell in cells:
        rows[cell.entry][cell.tested] = cell
    matrix = Table(
        "UA in per cent with its 95 % interval over speakers: trained on the dataset of the row, "
        "tested on that of the column",
        ["entry", "trained on", *(f">{column}" for column in columns)],
        [
            [
                Cell(_named(next(iter(row.values()))), link=entry_path(entry)),
                plain(next(iter(row.values())).trained),
                *(_uar(row.get(column)) for column in columns),
            ]
            for entry, row in sorted(rows.items())
        ],
    )
    counts = Table(
        "What each test consists of",
        ["entry", "tested on", ">emotions", ">clips", ">speakers", "evidence", "most predicted"],
        [
            [
                Cell(_named(cell), link=entry_path(cell.entry)),
                Cell(cell.tested, link=paths.get(cell.tested, "")),
                count(len(cell.emotions)),
                count(cell.clips),
                count(cell.speakers),
                plain(cell.evidence_text),
                Cell(
                    f"{cell.predicted} ({100 * cell.predicted_share:.0f} %)", cell.predicted_share
                ),
            ]
            for cell in cells
        ],
    )
    warnings = [f"{warning[:1].upper()}{warning[1:]}." for c in cells for warning in c.warnings]
    return Page(
        CROSS_PATH,
        "Entries on the datasets of each other",
        "On another dataset only the common emotions are scored, and clips of training speakers "
        "are left out.",
        (),
        [Section("matrix", "Matrix", warnings, [matrix, counts])],
    )


def _named(cell: CrossCell) -> str:
    readout = cell.readout if cell.readout != "pooled" else ""
    return f"{cell.entry}: {', '.join(filter(None, (cell.backbone, readout, cell.head)))}"


def _uar(cell: CrossCell | None) -> Cell:
    if cell is None:
        return Cell(DASH)
    ends = cell.uar_ci
    between = "" if ends is None else f" ({100 * ends[0]:.1f}–{100 * ends[1]:.1f})"
    return Cell(f"{100 * cell.uar:.1f}{between}")
