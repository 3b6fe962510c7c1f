"""A site over HTTP, which follows its database while studies run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from serbench.errors import UsageError
from serbench.score.metric import Metric
from serbench.store.changes import content_mark
from serbench.store.database import Database
from serbench.views.running import StudyWatch
from serbench.views.site.site import Site

VERSION_PATH = "version"
"""Its content changes whenever the site has changed; pages ask for it."""

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
"""Ending of a file → its type."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer; nothing of another origin is loaded or may read an answer."""


class LiveSite:
    """The site of a database as it is now.

    It is made again when it is asked for after the database has changed. Requests of several
    threads are answered one after another.

    Args:
        make: makes the site.
        state: gives a text that changes with the content of the database.
    """

    def __init__(self, make: Callable[[], Site], state: Callable[[], str]) -> None:
        self._make, self._state = make, state
        self._lock = threading.Lock()
        self._made: tuple[str, Site] | None = None
        self._charts: Mapping[str, bytes] = {}

    def version(self) -> str:
        """A text that changes whenever the site has changed."""
        with self._lock:
            return self._state()

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            KeyError: there is no such file.
            UsageError: the database has no entry.
        """
        with self._lock:
            site = self._current()
            try:
                return site.read(path)
            except KeyError:
                return self._charts[path]  # a chart of a page that was read before a change

    def _current(self) -> Site:
        state = self._state()
        if self._made is None or self._made[0] != state:
            if self._made is not None:
                self._charts = dict(self._made[1].charts)
            self._made = state, self._make()
        return self._made[1]


def live_site(database: Database, metrics: Sequence[Metric], artifacts: Path) -> LiveSite:
    """The live site of a database, which it only reads.

    Args:
        database: the database with the entries.
        metrics: the registered metrics.
        artifacts: folder of the weights files, beside which running studies have their locks.

    Raises:
        StorageError: there is no such database.
    """
    content_mark(database)  # a database that cannot be read is an error before the server starts
    watch = StudyWatch(database, artifacts)
    return LiveSite(lambda: Site(database, metrics, watch=watch), lambda: content_mark(database))


def server_of(site: LiveSite, host: str, port: int) -> ThreadingHTTPServer:
    """A server of a site; ``serve_forever`` starts it.

    It answers GET and HEAD only. At an address of the loopback interface it answers only requests
    for such an address, so that no page of another host can read the results through a name that
    leads here.

    Args:
        site: the site.
        host: address of the interface; loopback addresses are reachable from this machine only.
        port: number of the port; 0 takes a free one.

    Raises:
        UsageError: the address cannot be used.
    """
    try:
        server = ThreadingHTTPServer((host, port), _handler(site, _is_loopback(host)))
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"{host}:{port} cannot be used ({getattr(error, 'strerror', None) or error}): give "
            "another port with --port",
            host=host,
            port=port,
        ) from error
    server.daemon_threads = True
    return server


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _handler(site: LiveSite, only_loopback: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "serbench"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(*self._found())

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            """Requests are not logged."""

        def _found(self) -> tuple[HTTPStatus, str, bytes]:
            named = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            if only_loopback and not _is_loopback(named):
                return _text(HTTPStatus.MISDIRECTED_REQUEST, "this server is for this machine only")
            path = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
            if path == VERSION_PATH:
                return _text(HTTPStatus.OK, site.version())
            try:
                content = site.read(path)
            except KeyError:
                return _text(HTTPStatus.NOT_FOUND, "this site has no such page")
            except UsageError as error:
                return _text(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
            return HTTPStatus.OK, TYPES.get(path.rpartition(".")[2], ""), content

        def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    return Handler


def _text(status: HTTPStatus, text: str) -> tuple[HTTPStatus, str, bytes]:
    return status, "text/plain; charset=utf-8", text.encode()
