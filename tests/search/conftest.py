"""Common fixtures of the tests of studies: a script in place of training."""

import pytest
from making.scripted import Script


@pytest.fixture
def script(monkeypatch):
    """``script(uar=…)`` replaces training by a script, and returns it."""

    def put(**how):
        return Script(**how).put(monkeypatch)

    return put
