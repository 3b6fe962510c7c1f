"""Latencies of an entry: one for each machine and each way to measure it."""

from dataclasses import asdict, fields

import pytest
from making.entries import add_entry

from serbench.model.machine import Machine
from serbench.store.machines import LatencyFacts
from serbench.store.schema_machines import LatencyRow
from serbench.store.systems import Systems


@pytest.fixture
def entry(database, made):
    """The number of an entry without a latency."""
    return add_entry(database, made, made.manifest(takes=4), protocol="speaker-2:holdout")


def test_measuring_again_replaces_the_older_latency(database, made, entry):
    systems = Systems(database)
    for p90 in (9.0, 8.0):
        systems.save_latency(entry, made.machine, made.latency(p90=p90))
    with database.session() as session:
        assert [row.p90 for row in session.query(LatencyRow)] == [8.0]


def test_threads_runtimes_and_machines_are_measured_side_by_side(database, made, entry):
    systems = Systems(database)
    other = Machine("Another processor", 8, "Linux x86_64")
    systems.save_latency(entry, made.machine, made.latency())
    systems.save_latency(entry, made.machine, made.latency(threads=2))
    systems.save_latency(entry, made.machine, made.latency(runtime="onnx"))
    systems.save_latency(entry, other, made.latency())
    with database.session() as session:
        assert session.query(LatencyRow).count() == 4
    for machine, changes, measured in (
        (made.machine, {"threads": 2}, True),
        (made.machine, {"threads": 4}, False),
        (made.machine, {"runtime": "onnx"}, True),
        (other, {}, True),
        (other, {"threads": 2}, False),
    ):
        assert systems.is_measured(entry, machine, made.latency(**changes).kind) == measured


@pytest.mark.parametrize(
    "change",
    [
        {"libraries": {"python": "3.11", "torch": "2.6.0"}},
        {"libraries": {"python": "3.12", "torch": "2.5.1"}},
        {"clip_seconds": 3.7},
        {"precision": "int8"},
    ],
)
def test_what_changes_how_a_time_was_measured_asks_for_another(database, made, entry, change):
    systems, before, after = Systems(database), made.latency(), made.latency(**change, p90=8.0)
    systems.save_latency(entry, made.machine, before)
    assert not systems.is_measured(entry, made.machine, after.kind)
    systems.save_latency(entry, made.machine, after)
    for facts in (before, after):
        assert systems.is_measured(entry, made.machine, facts.kind)
    with database.session() as session:
        kept = session.query(LatencyRow).order_by(LatencyRow.id)
        assert [row.p90 for row in kept] == [before.p90, 8.0], "the older one stays on record"


def test_a_latency_is_kept_whole(database, made, entry):
    kind = made.latency().kind
    names = [each.name for each in fields(LatencyFacts)]
    numbers = {name: float(place) for place, name in enumerate(names)}
    other = {"kind": kind, "runs": 100, "quick": True, "versions": {"timm": "1.0"}}
    facts = LatencyFacts(**numbers | other)
    Systems(database).save_latency(entry, made.machine, facts)
    with database.session() as session:
        row = session.query(LatencyRow).one()
        assert {name: getattr(row, name) for name in asdict(facts)} == asdict(facts)
        assert Machine(**row.machine.facts) == made.machine
