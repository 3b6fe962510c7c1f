"""Entries tested on the datasets of each other: the choice of entries and datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.views.entry import EntryView
from serbench.views.reading import entry_view, read_entries


@dataclass(frozen=True)
class CrossPlan:
    """The rows and columns of a matrix.

    Attributes:
        entries: the entry of each row.
        datasets: name of the dataset of each column.
    """

    entries: tuple[EntryView, ...]
    datasets: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[int, str]]:
        """The tests that are needed: number of an entry, and name of a dataset not its own."""
        return [
            (entry.entry, dataset)
            for entry in self.entries
            for dataset in self.datasets
            if entry.dataset != dataset
        ]


def plan_cross(
    database: Database,
    datasets: Sequence[str],
    numbers: Sequence[int] = (),
    backbone: str | None = None,
) -> CrossPlan:
    """Choose the entry of each row.

    Args:
        database: the database with datasets and entries.
        datasets: names of the datasets, at least two.
        numbers: the entries; by default the best one on each dataset, as `best_entry` finds it.
        backbone: consider only entries of this backbone.

    Raises:
        UsageError: fewer than two datasets, both entries and a backbone are named, there is no such
            entry, or a dataset has no entry.
        UnknownNameError: there is no such dataset.
        DatasetError: nothing is scanned yet.
    """
    columns = tuple(dict.fromkeys(datasets))
    if len(columns) < 2:
        raise UsageError(
            f"--datasets names {', '.join(columns) or 'no dataset'}, and a matrix needs two: give "
            "their names separated by commas, such as --datasets one,other",
            datasets=columns,
        )
    if numbers and backbone is not None:
        raise UsageError(
            "--entries and --backbone both choose the rows: give one of them",
            entries=tuple(numbers),
            backbone=backbone,
        )
    for name in columns:
        Datasets(database).dataset_account(name)  # raises an error for an unknown name
    entries = (
        [entry_view(database, number) for number in dict.fromkeys(numbers)]
        if numbers
        else [best_entry(database, name, backbone) for name in columns]
    )
    return CrossPlan(tuple(entries), columns)


def best_entry(database: Database, dataset: str, backbone: str | None = None) -> EntryView:
    """The entry with the highest UA on a dataset, among entries that may be compared.

    Imports have no network and are left out. If there are several protocols, the one with most
    entries is used, but one that tests training speakers only if there is no other.

    Args:
        database: the database with the entries.
        dataset: name of a scanned dataset.
        backbone: consider only entries of this backbone.

    Raises:
        UsageError: there is no such entry.
    """
    groups: dict[tuple[object, ...], list[EntryView]] = defaultdict(list)
    for entry in {each.entry: each for each in read_entries(database, dataset)}.values():
        if entry.front_end and backbone in (None, entry.backbone):
            known = entry.speaker_dependent or bool(entry.known_speakers)
            groups[known, entry.protocol_id, entry.evidence].append(entry)
    if not groups:
        of, option = (
            ("", "") if backbone is None else (f" of {backbone}", f" --backbone {backbone}")
        )
        raise UsageError(
            f"dataset '{dataset}' has no entry{of} with a network: run "
            f"`serbench study run --dataset {dataset}{option}` first, or leave it out",
            dataset=dataset,
            backbone=backbone,
        )
    chosen = min(groups, key=lambda group: (group[0], -len(groups[group]), group[1:]))
    return max(groups[chosen], key=lambda entry: (entry.uar, -entry.entry))
