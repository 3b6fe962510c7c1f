"""Copies of recorded studies for Optuna's own tools, and the server of optuna-dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from serbench.errors import MissingPackageError, UsageError
from serbench.model.ranges import ranges_from
from serbench.search.optuna_trials import study_copy
from serbench.store.database import Database
from serbench.store.studies import find_study
from serbench.store.trials import trial_records
from serbench.views.study import StudyView, study_views

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def copy_studies(
    database: Database, numbers: Sequence[int], storage: BaseStorage
) -> list[StudyView]:
    """Write copies of studies into a storage of Optuna; changes there affect no record.

    A trial has its parameters, its state, the mean UA over its folds as its value, and the UA of
    each fold as an intermediate value. Other properties of the study are its user attributes.

    Args:
        database: the database with the studies, which is only read.
        numbers: numbers of the studies; empty for all.
        storage: the storage, which has no study yet.

    Returns:
        the studies that were copied.

    Raises:
        UsageError: there is no study, or none of a given number.
    """
    known = {view.study: view for view in study_views(database)}
    if not known:
        raise UsageError("there is no study yet: begin one with `serbench study run`")
    for number in dict.fromkeys(numbers) or known:
        with database.session() as session:
            study = find_study(session, number)
            trials, space = trial_records(study), ranges_from(study.space)
        view = known[number]
        name = f"{view.study}: {view.backbone}, {view.protocol} on {view.dataset}"
        copy = study_copy(name, trials, space, storage)
        for key in ("front_end", "head", "schedule", "outer_fold", "state", "entry", "started"):
            copy.set_user_attr(key, getattr(view, key))
    return [known[number] for number in dict.fromkeys(numbers) or known]


def export_studies(database: Database, numbers: Sequence[int], file: Path) -> list[StudyView]:
    """Write copies of studies into a new SQLite storage of Optuna, as `copy_studies` does.

    Raises:
        UsageError: the file exists already or cannot be written, or there is no such study.
    """
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import OperationalError

    if file.exists():
        raise UsageError(f"{file} exists already: name a new file", path=file)
    try:
        storage = RDBStorage(f"sqlite:///{file}")
    except OperationalError as error:
        raise UsageError(f"{file} cannot be written ({error.orig})", path=file) from error
    try:
        return copy_studies(database, numbers, storage)
    except UsageError:
        file.unlink()
        raise
    finally:
        storage.engine.dispose()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print no line for each request."""


def dashboard_server(storage: BaseStorage, host: str, port: int) -> WSGIServer:
    """The server of optuna-dashboard on a storage, which listens and does not answer yet.

    Args:
        storage: with the copies of studies.
        host: the address to listen on.
        port: the port, or 0 for any free one.

    Raises:
        MissingPackageError: optuna-dashboard is not installed.
        UsageError: the address or the port cannot be used.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise MissingPackageError(
            "serbench dashboard needs optuna-dashboard: pip install 'serbench[dashboard]'",
            package="optuna-dashboard",
        ) from error
    try:
        return make_server(host, port, wsgi(storage), _Server, _Handler)
    except OSError as error:
        raise UsageError(
            f"{host}:{port} cannot be used ({error.strerror}): give another --port",
            host=host,
            port=port,
        ) from error
