"""Fetch a corpus; scan recordings and store them as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from serbench.data.columns import column_choice
from serbench.data.exclusions import read_exclusions
from serbench.data.licence import Speech, named_licence
from serbench.data.path_pattern import PathPattern
from serbench.data.scan import Scan, scan
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions, pairs
from serbench.data.scan_reading import Progress
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.workspace import Workspace


def scan_options(
    emotions: str | None = None,
    labels: Sequence[str] = (),
    columns: Sequence[str] = (),
    pattern: str | None = None,
    root: Path | None = None,
    channel: str = DEFAULT_OPTIONS.channel,
    speech: Speech = DEFAULT_OPTIONS.speech,
    licence: str | None = None,
) -> ScanOptions:
    """The options of a scan from their texts on the command line.

    Raises:
        UsageError: a text is not valid for its option.
    """
    return ScanOptions(
        emotions=None if emotions is None else [name for name in emotions.split(",") if name],
        labels=pairs("--map", labels),
        columns=column_choice(pairs("--columns", columns)),
        pattern=None if pattern is None else PathPattern(pattern),
        root=root,
        channel=channel,
        speech=speech,
        licence=named_licence(licence),
    )


def fetch_corpus(
    name: str, plugins: Plugins, workspace: Workspace, folder: Path | None = None
) -> Path:
    """Fetch a corpus; returns its folder.

    Args:
        name: name of the corpus.
        plugins: the plugins with the corpora.
        workspace: its folder of corpora is used by default.
        folder: the folder to write the corpus into, or None.

    Raises:
        SerbenchError: there is no such corpus, or its licence does not let a program fetch it.
    """
    folder = folder or workspace.corpora / name
    plugins.corpora.get(name).fetch(folder)
    return folder


def scan_dataset(
    paths: Sequence[Path],
    dataset: str,
    plugins: Plugins,
    database: Database,
    options: ScanOptions = DEFAULT_OPTIONS,
    corpora: Sequence[str] = (),
    exclude: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Scan:
    """Scan and store, without recordings that the dataset or the list ``exclude`` leaves out.

    Args:
        paths: folders in any nesting, or files.
        dataset: name of the dataset.
        plugins: the plugins with the corpora.
        database: the database that receives the dataset.
        options: the options of the scan.
        corpora: names of the corpora that may recognise files; by default all.
        exclude: a table of recordings to leave out.
        progress: called with recordings read and recordings in all.

    Raises:
        SerbenchError: see ``serbench.data.scan.scan``; an unknown corpus; an unreadable table.
    """
    known = plugins.corpora
    chosen = [known.get(name) for name in corpora] if corpora else list(known)
    datasets = Datasets(database)
    listed = read_exclusions(exclude) if exclude is not None else ()
    database.create = database.exists  # an empty database may be used at once
    before = datasets.exclusions(dataset) if database.exists else ()
    options = replace(
        options,
        exclusions=tuple(dict.fromkeys((*before, *listed))),
        corpora=corpora,
        failed_plugins=[
            f"{failure}, so its recordings are not recognised" for failure in plugins.failures
        ],
    )
    found = scan(paths, dataset, chosen, options, progress)
    database.create = True  # only after a successful scan, so that no empty database is made
    datasets.save_scan(found)
    return found
