"""What tests of recordings and clips share."""

import sys

import pytest

from serbench.data import formats, preparation


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


@pytest.fixture
def without_pyav(monkeypatch):
    """As on a machine on which the extra ``formats`` is not installed."""
    monkeypatch.setitem(sys.modules, "av", None)
    formats.pyav_installed.cache_clear()
    yield
    formats.pyav_installed.cache_clear()
