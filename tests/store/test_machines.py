"""What a measurement was made on and with."""

import os
import re
import subprocess
from dataclasses import replace

import pytest

from serbench.store import machines
from serbench.store.machines import Machine, this_machine, versions

MACHINE = Machine("A processor", 2, "Linux x86_64")


def test_this_machine_has_a_name_and_the_cores_this_process_may_use():
    machine = this_machine()
    assert machine.cpu
    assert 1 <= machine.cores <= os.cpu_count()
    assert machine == this_machine()


def test_fewer_cores_allowed_are_fewer_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert this_machine().cores == 1
    assert this_machine().name.endswith(", 1 core")


def test_without_affinities_every_core_counts(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert this_machine().cores == os.cpu_count()


@pytest.mark.parametrize("change", [{"cpu": "Another"}, {"cores": 4}, {"system": "Darwin arm64"}])
def test_whatever_matters_for_latency_changes_the_fingerprint(change):
    assert replace(MACHINE, **change).fingerprint != MACHINE.fingerprint


def test_equal_machines_share_a_fingerprint():
    assert replace(MACHINE).fingerprint == MACHINE.fingerprint


def test_versions_are_those_of_what_decides_a_result():
    found = versions()
    assert found.keys() >= {"python", "serbench", "torch", "timm", "optuna", "numpy", "soxr"}
    commit = found.pop("commit", None)
    assert all(version[0].isdigit() for version in found.values())
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}\+?", commit)


@pytest.fixture
def git(monkeypatch):
    """``git(changed="", fails=False)``: git answers so of the folder that serbench is in."""

    def pretend(changed="", fails=False):
        def answer(*command):
            if fails:
                raise subprocess.CalledProcessError(128, "git")
            return {"status": changed, "rev-parse": "0123abc"}.get(command[0], "")

        monkeypatch.setattr(machines, "_git", answer)
        machines._commit.cache_clear()

    yield pretend
    machines._commit.cache_clear()


def test_a_checkout_has_its_commit_among_the_versions(git):
    git()
    assert versions()["commit"] == "0123abc"


def test_a_checkout_that_was_changed_since_is_marked(git):
    git(changed=" M serbench/errors.py")
    assert versions()["commit"] == "0123abc+"


def test_what_was_installed_has_no_commit(git):
    git(fails=True)
    assert "commit" not in versions()
