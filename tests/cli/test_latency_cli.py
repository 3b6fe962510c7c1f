"""Which latency `serbench study run` prints, and when it measures another."""

import json
from dataclasses import replace

import pytest
import torch

from serbench.model.machine import Machine
from serbench.run import completion
from serbench.store.schema_machines import LatencyRow
from serbench.store.systems import Systems

pytestmark = pytest.mark.usefixtures("without_timm", "untrained", "quick")


@pytest.fixture
def database(finished, copied):
    """The finished study; where ``run`` looks."""
    return copied(finished)


@pytest.fixture
def again(run, finished):
    """``again()`` runs the same study once more: what it printed, and how often it measured."""

    def run_again():
        ran = run(*finished.arguments)
        assert ran.code == 0, ran.err
        return ran.out.splitlines()[0], ran.err.count("measuring latency")

    return run_again


def test_the_latency_of_another_machine_is_not_printed_for_this_ones(database, made, again):
    with database.session() as session:
        session.query(LatencyRow).delete()
    elsewhere = Machine("Another processor", 64, "Linux aarch64")
    Systems(database).save_latency(1, elsewhere, made.latency(p90=99.0))
    printed, measured = again()
    assert "4.0 ms (p90, one thread)" in printed
    assert measured >= 1
    assert again() == (printed, 0)


def test_another_torch_is_measured_and_printed_anew(database, again, run, monkeypatch):
    before, measured = again()
    assert measured == 0
    pretended = completion.measure_latency
    with monkeypatch.context() as upgraded:
        upgraded.setattr(torch, "__version__", "99.0.0")
        upgraded.setattr(
            completion, "measure_latency", lambda job: replace(pretended(job), p90=2.5)
        )
        printed, measured = again()
    assert measured >= 1
    assert "2.5 ms (p90, one thread)" in printed
    [row] = json.loads(run("leaderboard", "--format", "json").out)
    assert row["latency_ms_p90"] == 2.5
    assert "torch 99.0.0" in row["libraries"]
    assert again() == (before, 0), "the present libraries' again, although another is newer"
