"""The latency for one clip, from waveform to logits, with batch size one, in a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from serbench.data.clips import ClipFormat
from serbench.errors import SerbenchError
from serbench.model.environment import versions
from serbench.model.recipe import Recipe
from serbench.model.runtime import FRONT_END, NETWORK, Runtime
from serbench.store.machines import LatencyFacts, LatencyKind

WARM_UP = 20
RUNS = 100
FEWEST_RUNS = 20
PATIENCE = 30.0
"""Seconds after which the measurement ends with ``FEWEST_RUNS`` or more: on a busy machine several
threads wait for each other, and a hundred runs of a large network can take minutes."""

WHOLE = "whole"


@dataclass(frozen=True)
class LatencyJob:
    """The input of the measuring process, as plain data.

    Attributes:
        recipe: the components of the network.
        n_classes: number of outputs of the network.
        weights: the file of its trained weights, or None for random ones.
        sha256: hash of that file, or None.
        runtime: name of a registered runtime.
        threads: number of threads of the runtime.
    """

    recipe: Recipe
    n_classes: int
    weights: str | None
    sha256: str | None
    runtime: str
    threads: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The job that ``asdict`` turned into plain data."""
        recipe = dict(data["recipe"])
        recipe["clip_format"] = ClipFormat(**recipe["clip_format"])
        recipe["augmentations"] = tuple(recipe["augmentations"])
        return cls(**{**data, "recipe": Recipe(**recipe)})


def measure_latency(job: LatencyJob) -> LatencyFacts:
    """Measure in a new process, so that training and other thread counts do not affect the result.

    The process imports nothing from the current folder.

    Raises:
        SerbenchError: the measuring process failed; its last line is in the message.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(job.threads),
        "MKL_NUM_THREADS": str(job.threads),
    }
    finished = subprocess.run(
        [sys.executable, "-P", "-m", "serbench.deploy.latency"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if finished.returncode != 0:
        last = finished.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SerbenchError(
            f"the latency of {job.recipe.backbone} could not be measured: {last[0]}",
            backbone=job.recipe.backbone,
            last=last[0],
        )
    facts = finished.stdout.splitlines()[-1]  # plugins may have printed lines before
    return LatencyFacts.from_dict(json.loads(facts))


def kind_of(runtime: Runtime, threads: int, clip_format: ClipFormat) -> LatencyKind:
    """The kind of a latency measured in this process: all that it depends on but the machine.

    Only the minor version of Python is part of it, since patch versions do not change its speed.
    """
    import torch

    libraries = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "torch": str(torch.__version__),
    }
    own = runtime.identity["version"]
    if own != libraries["torch"]:
        libraries[runtime.name] = own
    precision = runtime.identity["precision"]
    return LatencyKind(runtime.name, precision, threads, clip_format.seconds, libraries)


def _measure(job: LatencyJob) -> LatencyFacts:
    import torch

    from serbench.deploy.network import trained_network, untrained_network
    from serbench.model.deployable import Deployable
    from serbench.plugins import Plugins
    from serbench.store.artifacts import read_arrays

    torch.set_num_threads(job.threads)
    plugins = Plugins()
    if job.weights is None:
        network = untrained_network(job.recipe, plugins, job.n_classes)
    else:
        arrays = read_arrays(Path(job.weights), job.sha256 or "")
        network = trained_network(job.recipe, plugins, job.n_classes, arrays)
    clip_format = job.recipe.clip_format
    noise = np.random.default_rng(0).normal(0, 0.1, clip_format.samples).astype(np.float32)
    deployable = Deployable(network, clip_format)
    recording = deployable.recording(torch.from_numpy(noise))
    runtime = plugins.runtimes.get(job.runtime)
    runnable = runtime.prepare(deployable, (), job.threads)
    calls = {WHOLE: lambda: runnable(recording), **runnable.parts(recording)}
    times = _time_in_turn(calls)
    return LatencyFacts(
        kind=kind_of(runtime, job.threads, clip_format),
        runs=len(times[WHOLE]),
        p50=float(np.percentile(times[WHOLE], 50)),
        p90=float(np.percentile(times[WHOLE], 90)),
        p99=float(np.percentile(times[WHOLE], 99)),
        front_end_p50=_percentile(times.get(FRONT_END), 50),
        front_end_p90=_percentile(times.get(FRONT_END), 90),
        network_p50=_percentile(times.get(NETWORK), 50),
        network_p90=_percentile(times.get(NETWORK), 90),
        versions=versions(),
    )


def _time_in_turn(calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Milliseconds of each call, in turn, ``RUNS`` times or fewer if ``PATIENCE`` is exceeded."""
    for _ in _rounds(WARM_UP, 1, PATIENCE / 6):
        for call in calls.values():
            call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in _rounds(RUNS, FEWEST_RUNS, PATIENCE):
        for name, call in calls.items():
            start = time.perf_counter_ns()
            call()
            taken[name].append((time.perf_counter_ns() - start) / 1e6)
    return taken


def _rounds(most: int, fewest: int, seconds: float) -> Iterator[int]:
    """Count to ``most``, or at least to ``fewest`` if the time is up before."""
    end = time.perf_counter() + seconds
    for done in range(most):
        if done >= fewest and time.perf_counter() > end:
            return
        yield done


def _percentile(times: list[float] | None, percent: float) -> float | None:
    return None if times is None else float(np.percentile(times, percent))


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(LatencyJob.from_dict(json.load(sys.stdin))))))
