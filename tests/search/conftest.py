"""What the tests of studies share: a script in place of training."""

import pytest
from making.scripted import Script


@pytest.fixture
def script(monkeypatch):
    """``script(uar=…)`` puts a script in place of training, and gives it."""

    def put(**how):
        return Script(**how).put(monkeypatch)

    return put
