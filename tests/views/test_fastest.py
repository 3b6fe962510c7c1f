"""Entries in their fastest runtime: which one is chosen, and what is compared with it."""

from dataclasses import replace

import numpy as np
import pytest
from making.rows import ROW

from serbench.errors import UsageError
from serbench.score.confusion import Tally
from serbench.views.fastest import in_runtime
from serbench.views.ranking import rank

SPEAKERS = tuple(f"s{number:02}" for number in range(12))


def tally(recalls):
    """Two emotions, 30 clips each; ``recalls`` are correct ones of ten of the first emotion."""
    counts = np.zeros((len(SPEAKERS), 2, 2), dtype=np.int64)
    counts[:, 1, 1] = 10
    counts[:, 0, 0] = recalls
    counts[:, 0, 1] = 10 - counts[:, 0, 0]
    return Tally(SPEAKERS, 3 * counts)


GOOD = tally([8, 7] * 6)
"""The network in the runtime of its training."""


def row(entry, runtime, p90, own=GOOD, trained=None, version="1.0", **latency):
    view = replace(ROW, entry=entry, tally=own)
    libraries = "python 3.11, torch 2.5"
    return replace(
        view,
        trained=trained,
        latency=replace(
            view.latency,
            runtime=runtime,
            precision="fp32",
            threads=1,
            clip_seconds=2.0,
            machine="box",
            machine_id="1",
            environment=libraries,
            libraries=libraries if runtime == "eager" else f"{libraries}, {runtime} {version}",
            p50=p90,
            p90=p90,
            **latency,
        ),
    )


def chosen(rows):
    return {each.entry: each.latency.runtime for each in in_runtime(rows, "best")}


def test_the_fastest_runtime_of_each_entry_is_chosen_and_they_are_ranked_together():
    rows = [row(1, "eager", 20), row(1, "onnx", 5), row(2, "eager", 3), row(2, "onnx", 4)]
    assert chosen(rows) == {1: "onnx", 2: "eager"}
    [ranking] = rank(in_runtime(rows, "best"))
    assert {each.entry for each in ranking.rows} == {1, 2}


def test_a_single_runtime_keeps_its_name_in_the_title():
    [ranking] = rank(in_runtime([row(1, "eager", 20), row(2, "eager", 3)], "best"))
    assert not any(each.latency.fastest for each in ranking.rows)
    assert "eager" in ranking.title


@pytest.mark.parametrize(
    ("recalls", "runtime"),
    [([8, 7] * 6, "onnx-int8"), ([6, 5] * 6, "eager"), ([8, 4] * 6, "eager")],
    ids=["equal", "two points lower for everybody", "lower for some"],
)
def test_changed_logits_are_chosen_only_if_a_loss_of_a_point_is_excluded(recalls, runtime):
    rows = [row(1, "eager", 20), row(1, "onnx-int8", 5, own=tally(recalls), trained=GOOD)]
    assert chosen(rows) == {1: runtime}


def test_of_a_runtime_only_the_newest_version_is_chosen():
    rows = [row(1, "eager", 20), row(1, "onnx", 4, version="1.0"), row(2, "onnx", 6, version="1.1")]
    assert chosen(rows) == {1: "eager", 2: "onnx"}


def test_machines_and_thread_counts_are_chosen_apart():
    two = row(1, "onnx", 2)
    two = replace(two, latency=replace(two.latency, threads=2))
    rows = [row(1, "eager", 20), row(1, "onnx", 5), two]
    found = [(each.latency.runtime, each.latency.threads) for each in in_runtime(rows, "best")]
    assert found == [("onnx", 1), ("onnx", 2)]


def test_a_runtime_may_be_named_and_an_unmeasured_one_is_an_error():
    rows = [row(1, "eager", 20), row(1, "onnx", 5)]
    assert [each.latency.runtime for each in in_runtime(rows, "onnx")] == ["onnx"]
    assert in_runtime(rows, "all") == rows
    with pytest.raises(UsageError) as raised:
        in_runtime(rows, "openvino")
    assert raised.value.facts == {"runtime": "openvino"}
