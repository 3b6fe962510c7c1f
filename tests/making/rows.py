"""Entries with any facts, as rows of rankings."""

from dataclasses import replace

import numpy as np

from serbench.score.confusion import tally
from serbench.score.metric import Score
from serbench.views.entry import EntryView
from serbench.views.latencies import LatencyView

TALLY = tally(np.eye(2)[[0, 0, 1, 0]], np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])

LATENCY = LatencyView(
    p50=3.0,
    p90=4.0,
    p99=5.0,
    front_end_p50=1.0,
    network_p50=2.0,
    runtime="eager",
    precision="fp32",
    threads=1,
    clip_seconds=2.618,
    libraries="python 3.11, torch 2.5.1",
    machine="A processor, 2 cores, Linux x86_64",
    machine_id="0123456789ab",
    cores=2,
    runs=100,
)

ROW = EntryView(
    pretrained_on=(),
    known_speakers=(),
    entry=1,
    rank=0,
    front="",
    backbone="homebrew",
    front_end="mel",
    schedule="half-cycle",
    head="linear",
    objective="cross-entropy",
    readout="pooled",
    weights="none",
    seconds=3.7,
    sample_rate=16_000,
    level="rms",
    padding="reflect",
    compute_settings="fp32, 2 threads",
    dataset="small",
    dataset_hash="0123456789abcdef",
    synthetic=False,
    protocol="speaker-5:holdout",
    protocol_id="speaker-5#01234567",
    speaker_dependent=False,
    evidence="holdout",
    speakers=2,
    scores={
        "uar": Score(0.5, 0.4, 0.6),
        "accuracy": Score(0.5, 0.4, 0.6),
        "macro_f1": Score(0.5),
        "errors": Score(12.0, 9.0, 15.0),
    },
    cv={"uar": Score(0.6, spread=0.1)},
    cv_pooled={"uar": Score(0.55, 0.3, 0.7)},
    params=24_902,
    macs=4_400_000,
    latency=LATENCY,
    tally=TALLY,
)

OF_LATENCY = {"p50", "p90", "machine", "runtime", "threads"}


def row(entry=1, uar=0.5, **changes):
    """An entry with other facts, of its own or of its latency."""
    measured = {name: changes.pop(name) for name in OF_LATENCY & changes.keys()}
    latency = replace(changes.pop("latency", LATENCY), **measured)
    scores = {**ROW.scores, "uar": Score(uar, uar - 0.1, uar + 0.1)}
    return replace(ROW, entry=entry, scores=scores, latency=latency, **changes)


def rows(**changes):
    """A row for each value of the one list given; all else is the same."""
    [(name, values)] = changes.items()
    return [row(number, **{name: value}) for number, value in enumerate(values, start=1)]
