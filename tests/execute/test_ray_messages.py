"""Messages between the tasks of a Ray cluster and the driver, and the choice of executors.

These tests need no Ray.
"""

import asyncio
import sys

import pytest

from serbench.errors import MissingPackageError, UsageError
from serbench.execute import ray_messages
from serbench.execute.executor import InThisProcess, executor_of
from serbench.execute.processes import WorkerProcesses
from serbench.execute.ray_cluster import RayCluster, _Task
from serbench.execute.ray_messages import MessageActor, Sent


def test_an_executor_is_chosen_by_its_name():
    with executor_of("here") as executor:
        assert isinstance(executor, InThisProcess)
    with executor_of() as executor:
        assert isinstance(executor, WorkerProcesses)
    assert isinstance(executor_of("ray", "10.0.0.1:6379"), RayCluster)


@pytest.mark.parametrize("kind", ["here", "processes"])
def test_an_address_belongs_to_ray(kind):
    with pytest.raises(UsageError) as refusal:
        executor_of(kind, "10.0.0.1:6379")
    assert refusal.value.facts == {"address": "10.0.0.1:6379", "executor": kind}


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError) as missing, executor_of("ray"):
        pytest.fail("it began without Ray")
    assert missing.value.facts["extra"] == "ray"


def test_a_command_without_ray_is_refused(run, monkeypatch, tiny_corpus):
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = run("study", "run", "--backbone", "homebrew", "--executor", "ray")
    assert ran.code == 1
    assert "serbench[ray]" in ran.err


@pytest.mark.parametrize(
    "options", [("--executor", "slurm"), ("--jobs", "0"), ("--address", "10.0.0.1:6379")]
)
def test_options_that_name_no_executor_are_refused(run, options):
    assert run("study", "run", "--backbone", "homebrew", *options).code == 2


@pytest.fixture
def arrived():
    return []


def test_messages_are_passed_on_in_their_order_each_once(arrived):
    task = _Task(3, arrived.append)
    for place in (1, 0, 0, 3, 2, 1):
        task.arrive(Sent(3, "first", place, f"message {place}"))
    assert arrived == [f"message {place}" for place in range(4)]


def test_messages_begin_again_after_a_death(arrived):
    task = _Task(3, arrived.append)
    for attempt, place in (("first", 0), ("first", 1), ("second", 0)):
        task.arrive(Sent(3, attempt, place, (attempt, place)))
    assert arrived == [("first", 0), ("first", 1), ("second", 0)]


def test_the_actor_gathers_messages(monkeypatch):
    monkeypatch.setattr(ray_messages, "GATHER", 0)
    letters = [Sent(1, "a", 0, "one"), Sent(2, "b", 0, "two")]

    async def exchange():
        actor = MessageActor()
        waiting = asyncio.create_task(actor.receive())
        for each in letters:
            await actor.send(each)
        return await waiting

    assert asyncio.run(exchange()) == letters


@pytest.mark.parametrize("early", [True, False])
def test_the_actor_answers_when_a_task_is_cancelled(early):
    async def exchange():
        actor = MessageActor()
        if early:
            await actor.cancel(1)
        asked = [asyncio.create_task(actor.cancelled(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        await actor.cancel(1)
        await actor.ended(2)
        return await asyncio.gather(*asked)

    assert asyncio.run(exchange()) == [True, False]
