"""The latency for one clip, from waveform to probabilities, at batch size one.

Networks are measured in a single stream as in MLPerf Inference (Reddi et al., MLPerf Inference
Benchmark, ISCA 2020): the next query begins when the answer to the last one is complete. Each
network has a process of its own, so that training and other thread counts do not affect it. The
processes get blocks of queries in turn, so that changes of the machine affect all alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from serbench.data.clips import ClipFormat
from serbench.deploy.bench import FULL, QUICK, ROUNDS, Amount, busy_ratio, reference_times
from serbench.deploy.counters import per_query
from serbench.errors import SerbenchError
from serbench.model.recipe import Recipe
from serbench.model.runtime import FRONT_END, NETWORK, Runtime
from serbench.score.percentiles import percentiles
from serbench.store.machines import LatencyFacts, LatencyKind

WHOLE = "whole"

ALIVE = 8
"""Measuring processes that exist at once; each needs about 0.3 to 0.6 GB."""

SETTLE = 0.02
"""Seconds between a block and the reference task: threads of a runtime wait actively before they
sleep."""

ENDING = 10.0
"""Seconds after which a measuring process that does not end is killed."""

Progress = Callable[[int, int], None]
"""Receives the number of steps that are done, and that of all."""


@dataclass(frozen=True)
class LatencyJob:
    """The input of a measuring process, as plain data.

    Attributes:
        recipe: the components of the network.
        n_classes: number of outputs of the network.
        weights: the file of its trained weights, or None for random ones.
        sha256: hash of that file, or None.
        runtime: name of a registered runtime.
        threads: number of threads of the runtime.
        file: the network as the runtime has converted it, or None if it executes no file.
    """

    recipe: Recipe
    n_classes: int
    weights: str | None
    sha256: str | None
    runtime: str
    threads: int
    file: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The job that ``asdict`` turned into plain data."""
        recipe = dict(data["recipe"])
        recipe["clip_format"] = ClipFormat(**recipe["clip_format"])
        recipe["augmentations"] = tuple(recipe["augmentations"])
        return cls(**{**data, "recipe": Recipe(**recipe)})


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


def measure_latency(job: LatencyJob) -> LatencyFacts:
    """A quick measurement of one network.

    Raises:
        SerbenchError: the measuring process failed; its last line is in the message.
    """
    [(_, found)] = measure_latencies([job], quick=True)
    if isinstance(found, SerbenchError):
        raise found
    return found


def measure_latencies(
    jobs: Sequence[LatencyJob], quick: bool, progress: Progress = lambda done, total: None
) -> Iterator[tuple[int, LatencyFacts | SerbenchError]]:
    """Measure networks in turn, in groups of ``ALIVE`` processes.

    Args:
        jobs: the networks with their runtimes.
        quick: whether 100 queries or 2 s are enough for each instead of 1,000 or 10 s.
        progress: receives the number of finished steps.

    Yields:
        place of the job, and its latency, or the reason why it could not be measured; those of a
        group when it is complete.
    """
    done, total = 0, len(jobs) * (ROUNDS + 1)

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    for first in range(0, len(jobs), ALIVE):
        found = _measure_group(jobs[first : first + ALIVE], quick, step)
        yield from enumerate(found, start=first)


def _measure_group(
    jobs: Sequence[LatencyJob], quick: bool, step: Callable[[], None]
) -> list[LatencyFacts | SerbenchError]:
    amount = QUICK if quick else FULL
    failed: dict[int, SerbenchError] = {}
    streams: dict[int, Stream] = {}
    references: dict[int, list[float]] = defaultdict(list)
    with ExitStack() as processes:
        for place, job in enumerate(jobs):
            process = processes.enter_context(MeasuringProcess(job))
            try:
                streams[place] = Stream(process, amount)
            except SerbenchError as error:
                failed[place] = error
            step()
        for place in turns(len(jobs), ROUNDS):
            if place in streams and place not in failed:
                try:
                    streams[place].block()
                except SerbenchError as error:
                    failed[place] = error
                time.sleep(SETTLE)
                references[jobs[place].threads] += reference_times(jobs[place].threads)
            step()
    busy = {threads: busy_ratio(times) for threads, times in references.items()}
    return [
        failed.get(place) or streams[place].facts(quick, busy[job.threads])
        for place, job in enumerate(jobs)
    ]


def turns(count: int, rounds: int) -> Iterator[int]:
    """The order of blocks: every second round in reverse, so that a steady drift cancels out."""
    for number in range(rounds):
        yield from range(count) if number % 2 == 0 else reversed(range(count))


class MeasuringProcess:
    """A new process with one network, which imports nothing from the current folder."""

    def __init__(self, job: LatencyJob) -> None:
        self._job = job

    def __enter__(self) -> Self:
        threads = str(self._job.threads)
        # A pipe that nobody reads would stop a process that prints much.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "serbench.deploy.measuring"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def ask(self, question: object) -> dict[str, Any]:
        """The answer to one line.

        Raises:
            SerbenchError: the process ended before.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise self._failure()
        found: dict[str, Any] = json.loads(answer)
        return found

    def start(self) -> dict[str, Any]:
        """What is known after loading and warm-up; errors are those of `ask`."""
        return self.ask(asdict(self._job))

    def _failure(self) -> SerbenchError:
        self._process.wait()
        self._errors.seek(0)
        last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
        job = self._job
        return SerbenchError(
            f"the latency of {job.recipe.backbone} in runtime {job.runtime} could not be measured: "
            f"{last}",
            backbone=job.recipe.backbone,
            runtime=job.runtime,
            last=last,
        )


@dataclass
class Stream:
    """The queries to one process.

    Raises:
        SerbenchError: the process failed at the start.
    """

    process: MeasuringProcess
    amount: Amount
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    energies: list[float | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ready = self.process.start()

    def block(self) -> None:
        """Make one block of queries.

        Raises:
            SerbenchError: the process failed.
        """
        answer = self.process.ask(asdict(self.amount))
        for name, times in answer["times"].items():
            self.times[name] += times
        self.energies.append(answer["energy_mj"])

    def facts(self, quick: bool, busy: float) -> LatencyFacts:
        """The latency after all blocks."""
        front_end, network = (
            percentiles(self.times[name]) if name in self.times else {}
            for name in (FRONT_END, NETWORK)
        )
        ready = self._ready
        return latency_facts(
            LatencyKind.from_dict(ready["kind"]),
            self.times[WHOLE],
            front_end_p50=front_end.get("p50"),
            front_end_p90=front_end.get("p90"),
            network_p50=network.get("p50"),
            network_p90=network.get("p90"),
            **{name: ready[name] for name in ("load_ms", "memory_mb", "file_mb", "versions")},
            energy_mj=per_query(self.energies, len(self.times[WHOLE])),
            quick=quick,
            busy=busy,
        )


def latency_facts(kind: LatencyKind, times: Sequence[float], **facts: Any) -> LatencyFacts:
    """A latency from the times of single queries in milliseconds, and further facts."""
    measured: dict[str, Any] = {**percentiles(times), **facts}
    return LatencyFacts(kind=kind, runs=len(times), **measured)
