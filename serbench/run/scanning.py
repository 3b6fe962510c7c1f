"""Scan recordings and keep them as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serbench.data.corpus import EMOTIONS, SHARED_EMOTIONS
from serbench.data.exclusions import read_exclusions
from serbench.data.scan import Progress, Scan, scan
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.store.datasets import Datasets


def scan_dataset(
    paths: Sequence[Path],
    dataset: str,
    plugins: Plugins,
    database: Database,
    emotions: str | None = None,
    corpora: Sequence[str] = (),
    exclude: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Scan:
    """Scan and keep, without what the dataset or the list ``exclude`` leaves out.

    Args:
        paths: folders in any nesting, or files.
        dataset: name of the dataset to make.
        plugins: which have the corpora.
        database: where the dataset is kept.
        emotions: those to keep, separated by commas, or ``all``; by default the shared six.
        corpora: names of the corpora that may recognise files; by default all.
        exclude: a table of recordings to leave out.
        progress: called with recordings read and recordings in all.

    Raises:
        SerbenchError: see ``serbench.data.scan.scan``; an unknown corpus; an unreadable table.
    """
    wanted: tuple[str, ...] = EMOTIONS if emotions == "all" else SHARED_EMOTIONS
    if emotions not in (None, "all"):
        wanted = tuple(name.strip().lower() for name in str(emotions).split(","))
    known = plugins.corpora
    chosen = [known.get(name) for name in corpora] if corpora else list(known)
    datasets = Datasets(database)
    listed = read_exclusions(exclude) if exclude is not None else ()
    database.create = database.exists  # an empty one may be filled at once
    before = datasets.exclusions(dataset) if database.exists else ()
    exclusions = tuple(dict.fromkeys((*before, *listed)))
    found = scan(paths, dataset, chosen, wanted, progress, exclusions)
    database.create = True  # only now: nothing else makes a database
    datasets.save_scan(found)
    return found
