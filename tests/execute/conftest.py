"""Worker processes that the tests of a module share."""

import pytest

from serbench.execute.processes import WorkerProcesses


@pytest.fixture(scope="module")
def workers():
    with WorkerProcesses(2) as executor:
        yield executor
