"""How long one answer takes: waveform in, logits out, batch size one, a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serbench.errors import SerbenchError
from serbench.store.latency import LatencyFacts

WARM_UP = 20
RUNS = 100
FEWEST_RUNS = 20
PATIENCE = 30.0
"""Seconds after which no more than ``FEWEST_RUNS`` are waited for: on a busy machine several
threads wait for one another, and a hundred answers of a large network can take minutes."""


@dataclass(frozen=True)
class LatencyJob:
    """What the measuring process needs to know; plain data.

    Attributes:
        backbone: name of a registered backbone.
        front_end: name of a registered front end.
        n_classes: outputs of the network.
        weights: the artifact with its trained weights, or None for random ones.
        sample_rate: of the clips, in Hz.
        seconds: length of the clips.
        threads: that PyTorch may use.
    """

    backbone: str
    front_end: str
    n_classes: int
    weights: str | None
    sample_rate: int
    seconds: float
    threads: int


def measure_latency(job: LatencyJob) -> LatencyFacts:
    """Measure in a fresh process, so that neither training nor other thread counts leave traces.

    Raises:
        SerbenchError: the measuring process failed; its last line is in the message.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(job.threads),
        "MKL_NUM_THREADS": str(job.threads),
    }
    finished = subprocess.run(
        [sys.executable, "-m", "serbench.deploy.latency"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if finished.returncode != 0:
        last = finished.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SerbenchError(f"measuring the latency of {job.backbone} failed: {last[0]}")
    facts = finished.stdout.splitlines()[-1]  # after whatever plugins print
    return LatencyFacts(**json.loads(facts))


def _measure(job: LatencyJob) -> LatencyFacts:
    import torch

    from serbench.data.clips import ClipFormat
    from serbench.deploy.network import fresh_network, load_network
    from serbench.plugins import Plugins

    torch.set_num_threads(job.threads)
    clip_format = ClipFormat(job.sample_rate, job.seconds)
    plugins = Plugins()
    parts = plugins.backbones.get(job.backbone), plugins.front_ends.get(job.front_end)
    if job.weights is None:
        network = fresh_network(*parts, clip_format, job.n_classes)
    else:
        network = load_network(*parts, clip_format, job.n_classes, Path(job.weights))
    generator = torch.Generator().manual_seed(0)
    waveform = 0.1 * torch.randn(1, clip_format.samples, generator=generator)
    with torch.inference_mode():
        image = network.front_end(waveform)
        whole, front_end, backbone = _time_in_turn(
            lambda: network(waveform),
            lambda: network.front_end(waveform),
            lambda: network.backbone(image),
        )
    return LatencyFacts(
        runtime="eager",
        threads=job.threads,
        runs=len(whole),
        p50=_percentile(whole, 50),
        p90=_percentile(whole, 90),
        p99=_percentile(whole, 99),
        front_end_p50=_percentile(front_end, 50),
        front_end_p90=_percentile(front_end, 90),
        network_p50=_percentile(backbone, 50),
        network_p90=_percentile(backbone, 90),
    )


def _time_in_turn(*calls: Callable[[], Any]) -> list[list[float]]:
    """Milliseconds of each call, in turn, ``RUNS`` times or as often as there is patience for."""
    for _ in _outer_folds(WARM_UP, 1, PATIENCE / 6):
        for call in calls:
            call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in _outer_folds(RUNS, FEWEST_RUNS, PATIENCE):
        for call, times in zip(calls, taken, strict=True):
            start = time.perf_counter_ns()
            call()
            times.append((time.perf_counter_ns() - start) / 1e6)
    return taken


def _outer_folds(most: int, fewest: int, seconds: float) -> Iterator[int]:
    """Count to ``most``, or when the time is up, to ``fewest``."""
    end = time.perf_counter() + seconds
    for done in range(most):
        if done >= fewest and time.perf_counter() > end:
            return
        yield done


def _percentile(times: list[float], percent: float) -> float:
    return float(np.percentile(times, percent))


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(LatencyJob(**json.load(sys.stdin))))))
