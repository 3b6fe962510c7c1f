"""What tests of recordings and clips share."""

import pytest

from serbench.data import preparation


@pytest.fixture
def prepared(monkeypatch):
    """The recordings that were read, one by one."""
    paths = []
    read = preparation.read_audio

    def counted(path, *channel):
        paths.append(path)
        return read(path, *channel)

    monkeypatch.setattr(preparation, "read_audio", counted)
    return paths
