"""Names of entries in tables of papers: the backbone, and what distinguishes it from the others."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.views.entry import EntryView

PARTS = ("readout", "head", "schedule", "objective", "front_end", "weights", "clips")
"""The parts of a system that are named where entries of one backbone differ in them."""


def system_labels(rows: Sequence[EntryView]) -> list[str]:
    """A distinct name of each entry.

    It is the backbone, and in brackets the read-out and the head, which are always named, and each
    other part in which entries of this backbone differ. Equal entries are named with their numbers.
    """
    labels = []
    for row in rows:
        alike = [other for other in rows if other.backbone == row.backbone]
        parts = [
            value
            for name in PARTS
            if (value := getattr(row, name))
            and (name in PARTS[:2] or len({getattr(other, name) for other in alike}) > 1)
        ]
        labels.append(f"{row.backbone} ({', '.join(parts)})" if parts else row.backbone)
    return [
        f"{label}, entry {row.entry}" if labels.count(label) > 1 else label
        for label, row in zip(labels, rows, strict=True)
    ]
