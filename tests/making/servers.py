"""A PostgreSQL server of a test, which can be stopped and started again."""

from contextlib import contextmanager
from pathlib import Path


class Server:
    """A running server.

    Attributes:
        url: as SQLAlchemy takes it.
    """

    def __init__(self, data: Path) -> None:
        import pgserver

        self._made = pgserver.get_server(data)
        self._data = data
        self.url = self._made.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        self._sockets = self._made.get_postmaster_info().socket_dir

    def stop(self) -> None:
        """End it at once, as where its machine is restarted."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start it with the same data at the same address."""
        listening = ("-o", '-h ""', "-o", f"-k {self._sockets}")
        self._control("-w", *listening, "-l", str(self._made.log), "start")

    def end(self) -> None:
        """End it for good."""
        self._made.cleanup()

    def _control(self, *arguments: str) -> None:
        import pgserver

        user = self._made.system_user
        pgserver.pg_ctl(list(arguments), pgdata=self._data, user=user, timeout=60)


@contextmanager
def server(folder: Path, monkeypatch):
    """A server with data in a folder that other users may enter."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    made = Server(folder / "data")
    yield made
    made.end()
