"""The entries of a report: those on one dataset under one protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from serbench.data.protocols import parse_protocol, without_folder
from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.views.entry import EntryView
from serbench.views.reading import read_entries, shown_first

RUN_A_STUDY = "serbench study run"


def chosen_entries(
    database: Database, dataset: str | None = None, protocol: str | None = None
) -> list[EntryView]:
    """The entries on one dataset under one protocol, by number, each with one latency.

    It is the latency on one thread in the runtime of the entry's first predictions, if that was
    measured.

    Args:
        database: database of the entries.
        dataset: name of the dataset; by default the only one with entries. If it was scanned again
            with other recordings, the version of the newest entry is used.
        protocol: name of the protocol, or its identifier; by default the one with most entries.

    Raises:
        UsageError: no entries, or several datasets and none named.
    """
    if dataset is not None:
        Datasets(database).dataset_account(dataset)  # raises an error for an unknown name
    everything = one_each(read_entries(database, dataset))
    name, content = _choose_dataset(everything, dataset)
    on_it = [each for each in everything if (each.dataset, each.dataset_hash) == (name, content)]
    chosen = _choose_protocol(on_it, protocol, name)
    return [each for each in on_it if each.protocol == chosen]


def one_each(rows: Sequence[EntryView]) -> list[EntryView]:
    """One view of each entry, by number: that of its latency on one thread, if there is one."""
    found: dict[int, EntryView] = {}
    for row in sorted(rows, key=shown_first):
        found.setdefault(row.entry, row)
    return [found[number] for number in sorted(found)]


def _choose_dataset(entries: Sequence[EntryView], name: str | None) -> tuple[str, str]:
    """Name and hash of the dataset of the newest entry."""
    names = sorted({each.dataset for each in entries})
    if not names:
        on = f" --dataset {name}" if name is not None else ""
        raise UsageError(
            f"no entries{on and f' on {name}'} yet: run `{RUN_A_STUDY}{on}` first", dataset=name
        )
    if len(names) > 1:
        raise UsageError(
            f"which dataset? --dataset takes one of {', '.join(names)}", known=tuple(names)
        )
    newest = max(entries, key=lambda each: each.entry)
    return newest.dataset, newest.dataset_hash


def _choose_protocol(entries: Sequence[EntryView], text: str | None, dataset: str) -> str:
    counts = Counter(each.protocol for each in entries)
    if text is None:
        return min(counts, key=lambda name: (-counts[name], name))
    identified = {each.protocol for each in entries if each.is_of(text)}
    if len(identified) == 1:
        return identified.pop()
    name = without_folder(parse_protocol(text).name)
    if name not in counts:
        raise UsageError(
            f"no entries under {name} on {dataset}, but under {', '.join(sorted(counts))}: "
            f"run `{RUN_A_STUDY} --dataset {dataset} --protocol {name}` first",
            protocol=name,
            known=tuple(sorted(counts)),
        )
    return name
