"""Fetch a corpus; scan recordings and store them as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from serbench.data.columns import column_choice
from serbench.data.exclusions import read_exclusions
from serbench.data.folders import listing_hash
from serbench.data.licence import Speech, named_licence
from serbench.data.names import check_name
from serbench.data.path_pattern import PathPattern
from serbench.data.scan import Scan, scan
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions, pairs
from serbench.data.scan_reading import Progress
from serbench.errors import UsageError
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
    files = _files(paths, options)
    found = replace(scan(paths, dataset, chosen, options, progress), files=files)
    database.create = True  # only after a successful scan, so that no empty database is made
    datasets.save_scan(found)
    return found


def dataset_of(target: str, database: Database) -> tuple[Path | None, str]:
    """What the user means by a name: a scanned dataset, or a path to scan.

    Args:
        target: the name of a dataset, or a path; a path with the name of a dataset has a separator.
        database: the database with the datasets, which need not exist.

    Returns:
        the path to scan, or None; and the name of the dataset, which is that of the folder.

    Raises:
        UsageError: there is neither, or the name of the folder is not allowed for a dataset.
    """
    path = Path(target)
    known = Datasets(database).datasets() if database.exists else []
    names = [str(account["name"]) for account in known]
    if target in names:
        return None, target
    if not path.exists():
        listed = f" ({', '.join(names)})" if names else ""
        raise UsageError(
            f"{target} is neither a folder nor a scanned dataset{listed}: give a folder of "
            "recordings, or the name of a dataset",
            target=target,
            known=tuple(names),
        )
    resolved = path.resolve()
    return path, check_name("dataset", resolved.stem if resolved.is_file() else resolved.name)


def is_unchanged(
    path: Path, dataset: str, database: Database, options: ScanOptions = DEFAULT_OPTIONS
) -> bool:
    """Whether a dataset was scanned from this path for the same emotions, and no file has changed.

    Raises:
        UsageError: there is no such path.
    """
    files = _files((path,), options)
    if not database.exists or not Datasets(database).has_dataset(dataset):
        return False
    return bool(Datasets(database).dataset_account(dataset)["files"] == files)


def _files(paths: Sequence[Path], options: ScanOptions) -> str:
    """A hash of the scanned files, without opening them, and of the wanted emotions."""
    emotions = "" if options.emotions is None else ",".join(options.emotions)
    return f"{listing_hash(paths)} {emotions}".rstrip()
