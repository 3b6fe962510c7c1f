"""What a measurement was made on and with."""

import os
from dataclasses import replace

import pytest

from serbench.results.machine import Machine, this_machine, versions

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
    assert all(version[0].isdigit() for version in found.values())
