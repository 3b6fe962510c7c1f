"""A study that has begun, and a PostgreSQL of one's own."""

import tempfile

import pytest
from making.entries import begin


@pytest.fixture(scope="module")
def postgresql_url():
    """A database on a server of its own, which ends with the tests of a module."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pgserver

        with tempfile.TemporaryDirectory() as data:
            server = pgserver.get_server(data)
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            server.cleanup()


@pytest.fixture
def manifest(made):
    return made.manifest()


@pytest.fixture
def plan(made, manifest):
    return made.plan(manifest)


@pytest.fixture
def ledger(database, made, manifest, plan, artifacts):
    """A ledger in which the study has begun."""
    return begin(database, made, manifest, plan, artifacts)
