"""Labels of entries in a report, which are distinct and omit details that all entries share."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.data.cells import Cell
from serbench.model.backbone import NO_WEIGHTS
from serbench.store.predictions import IMPORTED
from serbench.views.report.material import Entry


def model_details(entry: Entry, entries: Sequence[Entry]) -> list[str]:
    """Details that distinguish ``entry``'s model from others with the same backbone.

    Random weights are always named, other weights, the front end and the read-out where they
    differ.
    """
    if entry.imported:
        return []
    siblings, details = _siblings(entry, entries), []
    if entry.weights == NO_WEIGHTS:
        details.append("from random weights")
    elif any(other.weights != entry.weights for other in siblings):
        details.append(entry.weights)
    if any(other.front_end != entry.front_end for other in siblings):
        details.append(f"{entry.front_end} front end")
    if any(other.view.readout != entry.view.readout for other in siblings):
        details.append(f"read-out {entry.view.readout}")
    return details


def model_label(entry: Entry, entries: Sequence[Entry]) -> str:
    """The backbone on the first line, then a line for each detail; the head where they differ."""
    details = [IMPORTED] if entry.imported else model_details(entry, entries)
    if any(other.view.head != entry.view.head for other in _siblings(entry, entries)):
        details.append(f"head {entry.view.head}")
    return "\n".join([entry.backbone, *details])


def entry_labels(entries: Sequence[Entry]) -> list[str]:
    """The backbone on the first line, then the schedule and a line for each necessary detail.

    A fitted head, which has no schedule, is named in its place, another one where trained entries
    of the backbone differ in it.
    Entries that differ only in their seed are labelled with it, and otherwise equal entries with
    their number.
    """
    labels = []
    for entry in entries:
        alike = [other for other in entries if _same_model(entry, other)]
        alike = [other for other in alike if other.trained_by == entry.trained_by]
        details = model_details(entry, entries)
        others = [other for other in _siblings(entry, entries) if other.schedule]
        if entry.schedule and any(other.view.head != entry.view.head for other in others):
            details.append(f"head {entry.view.head}")
        trained = entry.trained_by
        if any(other.seed != entry.seed for other in alike):
            trained += f", seed {entry.seed}"
        if sum(other.seed == entry.seed for other in alike) > 1:
            trained += f", entry {entry.number}"
        labels.append("\n".join([entry.backbone, trained, *details]))
    return labels


def models(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries of each model: of one backbone, weights, front end, read-out and head."""
    groups: list[list[Entry]] = []
    for entry in entries:
        group = next((group for group in groups if _same_model(entry, group[0])), None)
        if group is None:
            groups.append([entry])
        else:
            group.append(entry)
    return groups


def _siblings(entry: Entry, entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the same backbone that were trained here; none of an import."""
    return [
        other
        for other in entries
        if other.backbone == entry.backbone and not other.imported and not entry.imported
    ]


def _same_model(one: Entry, other: Entry) -> bool:
    return _model(one) == _model(other)


def _model(entry: Entry) -> tuple[str, ...]:
    view = entry.view
    return view.backbone, view.weights, view.front_end, view.readout, view.head


def identity(entry: Entry) -> dict[str, Cell]:
    """Table cells that identify an entry."""
    return {
        "entry": entry.number,
        "backbone": entry.backbone,
        "schedule": entry.schedule,
        "weights": entry.weights,
        "front_end": entry.front_end,
        "seed": entry.seed,
    }


def on_one_line(label: str) -> str:
    """A label in one line, for tables."""
    return label.replace("\n", ", ")
