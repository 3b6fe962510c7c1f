"""Where things are kept: what is said on the command line, in the environment, or here."""

from pathlib import Path

import platformdirs
import pytest

from serbench.workspace import find_workspace


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A bare folder and environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SERBENCH_DB", raising=False)
    monkeypatch.delenv("SERBENCH_CACHE", raising=False)
    return tmp_path


def test_without_a_word_the_database_is_here_and_the_cache_the_platforms(here):
    workspace = find_workspace()
    assert workspace.database_url == f"sqlite:///{here}/serbench.db"
    assert workspace.artifacts == here / "serbench-artifacts"
    assert workspace.cache == platformdirs.user_cache_path("serbench")


def test_an_option_comes_before_the_environment_and_that_before_the_default(here, monkeypatch):
    monkeypatch.setenv("SERBENCH_DB", "/data/environment.db")
    assert find_workspace().database_url == "sqlite:////data/environment.db"
    assert find_workspace("/data/option.db").database_url == "sqlite:////data/option.db"
    monkeypatch.setenv("SERBENCH_DB", "")
    assert find_workspace().database_url == f"sqlite:///{here}/serbench.db"


def test_weights_lie_beside_the_database_file(here):
    assert find_workspace("inner/my.db").artifacts == here / "inner" / "my-artifacts"
    assert find_workspace("sqlite:////data/my.db").artifacts == Path("/data/my-artifacts")
    assert find_workspace("sqlite:///serbench.db").artifacts == here / "serbench-artifacts"


def test_two_databases_in_one_folder_share_no_weights(here):
    files = ("serbench.db", "mine.db", "mine.sqlite")
    assert len({find_workspace(file).artifacts for file in files}) == len(files)


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://me:secret@host/serbench"])
def test_weights_of_a_database_without_a_file_lie_here(here, url):
    workspace = find_workspace(url)
    assert workspace.database_url == url
    assert workspace.artifacts == here / "serbench-artifacts"


def test_home_is_understood(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SERBENCH_CACHE", "~/cache")
    workspace = find_workspace("~/my.db")
    assert workspace.database_url == "sqlite:////home/me/my.db"
    assert workspace.cache == Path("/home/me/cache")


def test_a_cache_may_be_named_from_here(here, monkeypatch):
    monkeypatch.setenv("SERBENCH_CACHE", "cache")
    workspace = find_workspace()
    assert workspace.clips == here / "cache" / "clips"
    assert workspace.corpora == here / "cache" / "corpora"


def test_nothing_is_made_by_looking(here):
    find_workspace("inner/my.db")
    assert list(here.iterdir()) == []
