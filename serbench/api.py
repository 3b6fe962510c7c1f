"""serbench in Python: results as pandas DataFrames, and a function for each main command.

Examples:
    >>> import serbench
    >>> results = serbench.open("serbench.db")
    >>> results.leaderboard()[["rank", "backbone", "uar", "latency_ms_p90"]]
    >>> entry = serbench.study(backbone="homebrew", dataset="mine", database="serbench.db")
    >>> serbench.predict(entry, ["a.wav", "b.wav"], database="serbench.db")

Errors are ``serbench.errors.SerbenchError``, with the message that the command line prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.views import columns, frames
from serbench.views.results import Results
from serbench.workspace import find_workspace

if TYPE_CHECKING:
    import pandas

    from serbench.run.call import StudyEvent
    from serbench.views.evaluation import Evaluation

Named = str | Path | None
"""A database's file or URL; None for ``$SERBENCH_DB``, or ``serbench.db`` in this folder."""

Paths = str | Path | Sequence[str | Path]
"""A file or a folder, or several."""

Progress = Callable[[int, int], None]
"""Called with the number done and the number in all."""


def _ignore(done: int, total: int) -> None: ...


def _paths(named: Paths) -> list[Path]:
    return [Path(each) for each in ([named] if isinstance(named, str | Path) else named)]


class _Place:
    """A workspace, its database and the plugins."""

    def __init__(self, database: Named, create: bool = False) -> None:
        self.workspace = find_workspace(None if database is None else str(database))
        self.database = Database(self.workspace.database_url, create)
        self.plugins = Plugins()


@contextmanager
def _place(database: Named, create: bool = False) -> Iterator[_Place]:
    """A place whose connections are closed at the end."""
    place = _Place(database, create)
    try:
        yield place
    finally:
        place.database.close()


def open(database: Named = None) -> Results:
    """Open a database for reading; it is neither created nor changed.

    Args:
        database: its file or URL; by default ``$SERBENCH_DB``, or ``serbench.db`` in this folder.

    Raises:
        StorageError: there is no such database, or it cannot be opened.
    """
    return Results(_Place(database).database)


def describe(table: str) -> pandas.DataFrame:
    """The columns of a table: ``dtype``, ``unit`` and ``meaning`` of each.

    Args:
        table: name of a method of ``Results``, or ``files`` for what ``predict`` returns.

    Raises:
        UsageError: there is no such table.
    """
    return columns.described(table)


def fetch(corpus: str, to: str | Path | None = None) -> Path:
    """Fetch a corpus, as ``serbench corpus fetch``, and return its folder.

    Args:
        corpus: its name; ``demo`` is synthesised on this machine.
        to: folder to write it into; by default a folder in the cache.

    Raises:
        SerbenchError: there is no such corpus, or its licence does not let a program fetch it.
    """
    from serbench.run.scanning import fetch_corpus

    return fetch_corpus(corpus, Plugins(), find_workspace(), None if to is None else Path(to))


def scan(
    paths: Paths,
    dataset: str,
    *,
    database: Named = None,
    corpora: Sequence[str] = (),
    exclude: str | Path | None = None,
    progress: Progress = _ignore,
    **options: Any,
) -> dict[str, Any]:
    """Scan recordings and store them as a dataset, as ``serbench corpus scan``.

    Args:
        paths: a folder or table, or several.
        dataset: name of the dataset to make.
        database: file or URL of its database, which is created if it does not exist.
        corpora: recognise recordings of these corpora only.
        exclude: a table of recordings to leave out.
        progress: called with recordings read and recordings in all.
        options: those of ``serbench corpus scan`` as text: ``emotions="anger,neutral"``,
            ``labels=["excited=happiness"]`` (``--map``), ``columns=["path=file"]``, ``pattern``,
            ``root``, ``channel``, ``speech``, ``licence``.

    Returns:
        the account of the scan, as ``corpus scan --format json`` prints it.

    Raises:
        SerbenchError: see ``serbench.run.scanning.scan_dataset``.
    """
    from serbench.run.scanning import scan_dataset, scan_options

    files, left_out = _paths(paths), None if exclude is None else Path(exclude)
    chosen = scan_options(**options)
    with _place(database, create=True) as place:
        return scan_dataset(
            files, dataset, place.plugins, place.database, chosen, corpora, left_out, progress
        ).summary()


def study(
    backbone: str | None = None,
    *,
    database: Named = None,
    study_file: str | Path | None = None,
    progress: Callable[[StudyEvent], None] | None = None,
    **options: Any,
) -> int:
    """Run one study, or continue it, as ``serbench study run``.

    Args:
        backbone: the network to search; it may be given in the study file instead.
        database: file or URL of the database with the scanned dataset and the results.
        study_file: a study file in TOML; options given here override it.
        progress: called with each ``StudyEvent``; ``print`` prints a line for each.
        options: those of ``serbench study run``, with underscores: ``dataset="mine"``,
            ``protocol="loso"``, ``trials=20``, ``executor="here"``; ``search`` as in a study file.

    Returns:
        the number of its entry.

    Raises:
        UsageError: an unknown option or value, or options that make several studies.
        SerbenchError: see ``serbench.run.study.drive_study``.
    """
    from serbench.run.call import run_one

    named = {"backbone": backbone, **options}
    given = {name: value for name, value in named.items() if value is not None}
    file = None if study_file is None else Path(study_file)
    with _place(database) as place:
        return run_one(given, file, place.plugins, place.workspace, place.database, progress)


def evaluate(
    entry: int, dataset: str, *, database: Named = None, progress: Progress = _ignore
) -> Evaluation:
    """Score an entry on another dataset than its own, as ``serbench evaluate``.

    Args:
        entry: its number.
        dataset: name of a scanned dataset.
        database: file or URL of the database with both.
        progress: called with clips prepared and clips in all.

    Returns:
        scores with intervals, and the confusion matrix; ``as_dict()`` gives plain data.

    Raises:
        SerbenchError: see ``serbench.run.evaluate.evaluate``.
    """
    from serbench.run.evaluate import evaluate as evaluate_entry
    from serbench.views.evaluation import evaluation_view

    with _place(database) as place:
        evaluate_entry(entry, dataset, place.plugins, place.workspace, place.database, progress)
        return evaluation_view(place.database, entry, dataset, list(place.plugins.metrics))


def predict(
    entry: int,
    files: Paths,
    *,
    database: Named = None,
    reject_below: float = 0,
    hop: float | None = None,
    keep_silence: bool = False,
) -> pandas.DataFrame:
    """Predict the emotions of files with an entry, as ``serbench predict``.

    Args:
        entry: its number.
        files: a file or a folder, or several.
        database: file or URL of its database.
        reject_below: predictions with a lower confidence, from 0 to 1, have no emotion.
        hop: seconds between the windows of longer files, by default half a window.
        keep_silence: whether windows without speech count too.

    Returns:
        a row for each file, with a calibrated probability for each emotion (``p_EMOTION``); for a
        file that cannot be used, the column ``error`` has the reason. Errors: `predictor_of`.
    """
    from serbench.run.predict import predictor_of

    with _place(database) as place:
        found = predictor_of(entry, place.plugins, place.workspace, place.database)
    result = found.predict(_paths(files), reject_below, hop, keep_silence)
    return frames.file_frame(result.answers, map(str, result.files), found.answerer.emotions)
