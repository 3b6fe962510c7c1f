"""The environment of trainings."""

import json
import re
import subprocess

import pytest
import torch

from serbench.model import environment
from serbench.model.environment import Environment, this_environment, versions
from serbench.model.machine import this_machine


def test_versions_are_those_of_what_decides_a_result():
    found = versions()
    assert found.keys() >= {"python", "serbench", "torch", "timm", "optuna", "numpy", "soxr"}
    commit = found.pop("commit", None)
    assert all(version[0].isdigit() for version in found.values())
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}\+?", commit)


def test_the_environment_of_a_cpu_names_the_build_of_torch(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = this_environment()
    assert (found.machine, found.device) == (this_machine(), "cpu")
    assert found.versions["torch"] == torch.__version__
    assert found.versions.keys() >= {"python", "numpy"}
    assert not found.versions.keys() & {"cuda", "cudnn"}


def test_the_environment_of_a_gpu_names_it_and_its_libraries(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A GPU")
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 90100)
    found = this_environment()
    assert found.device == "cuda A GPU"
    assert (found.versions["cuda"], found.versions["cudnn"]) == ("12.4", "90100")


def test_an_environment_is_plain_data_and_back():
    found = this_environment()
    assert Environment.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.fixture
def git(monkeypatch):
    """``git(changed="", fails=False)``: git answers so of the folder that serbench is in."""

    def pretend(changed="", fails=False):
        def answer(*command):
            if fails:
                raise subprocess.CalledProcessError(128, "git")
            return {"status": changed, "rev-parse": "0123abc"}.get(command[0], "")

        monkeypatch.setattr(environment, "_git", answer)
        environment._commit.cache_clear()

    yield pretend
    environment._commit.cache_clear()


def test_a_checkout_has_its_commit_among_the_versions(git):
    git()
    assert versions()["commit"] == "0123abc"


def test_a_checkout_that_was_changed_since_is_marked(git):
    git(changed=" M serbench/errors.py")
    assert versions()["commit"] == "0123abc+"


def test_what_was_installed_has_no_commit(git):
    git(fails=True)
    assert "commit" not in versions()
