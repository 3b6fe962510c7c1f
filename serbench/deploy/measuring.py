"""The process that measures one network: ``python -m serbench.deploy.measuring``.

It reads a `LatencyJob` as JSON from the first line of standard input, and answers with what is
known after the warm-up. Each later line is an `Amount`, and its answer has the times of a block.
It ends at the end of its input. What plugins print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from serbench.deploy.bench import AGAIN, WARM_UP, Amount, Memory, timed
from serbench.deploy.counters import Energy
from serbench.deploy.latency import WHOLE, LatencyJob, kind_of
from serbench.model.runtime import Runnable

PARTS = 4
"""The parts are timed in one of so many queries: the time from waveform to answer is compared."""


class Measured:
    """A network in a runtime, which is ready to be timed.

    Attributes:
        ready: the facts that are known before the first block, as plain data.
    """

    def __init__(self, job: LatencyJob) -> None:
        import torch

        from serbench.deploy.network import trained_network, untrained_network
        from serbench.model.deployable import Deployable, Recording
        from serbench.model.environment import versions
        from serbench.plugins import Plugins
        from serbench.store.artifacts import read_arrays

        torch.set_num_threads(job.threads)
        plugins, clip_format = Plugins(), job.recipe.clip_format
        runtime = plugins.runtimes.get(job.runtime)
        kind = kind_of(runtime, job.threads, clip_format)  # imports the runtime's library

        def deployable() -> Deployable:
            if job.weights is None:
                network = untrained_network(job.recipe, plugins, job.n_classes)
            else:
                arrays = read_arrays(Path(job.weights), job.sha256 or "")
                network = trained_network(job.recipe, plugins, job.n_classes, arrays)
            return Deployable(network, clip_format)

        # Where a file is executed, the network in PyTorch is no part of what is measured.
        built = None if job.file is None else deployable()

        def load() -> Runnable:
            file = None if job.file is None else Path(job.file).read_bytes()
            return runtime.prepare(built or deployable(), (), job.threads, file)

        memory = Memory()
        runnable = load()
        noise = np.random.default_rng(0).normal(0, 0.1, clip_format.samples).astype(np.float32)
        recording = Recording(torch.from_numpy(noise)[None], torch.tensor([len(noise)]))
        self._whole: Callable[[], object] = lambda: runnable(recording)
        timed(self._whole, WARM_UP)
        grown = memory.growth()
        # The first time imports libraries.
        start = time.perf_counter()
        load()
        load_ms = 1000 * (time.perf_counter() - start)
        self._parts = runnable.parts(recording)
        for part in self._parts.values():
            timed(part, WARM_UP)
        self._energy = Energy()
        self.ready = {
            "kind": asdict(kind),
            "versions": versions(),
            "load_ms": load_ms,
            "memory_mb": grown,
            "file_mb": None if job.file is None else Path(job.file).stat().st_size / 1e6,
        }

    def block(self, amount: Amount) -> Mapping[str, Any]:
        """Milliseconds of queries and of their parts, and millijoules of the queries."""
        timed(self._whole, AGAIN)
        before = self._energy.read()
        times = {WHOLE: timed(self._whole, amount)}
        spent = self._energy.spent(before)
        fewer = Amount(-(-amount.queries // PARTS), amount.seconds / PARTS)
        for name, part in self._parts.items():
            timed(part, AGAIN)
            times[name] = timed(part, fewer)
        return {"times": times, "energy_mj": spent}


def main() -> None:
    """Answer line by line."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(facts: Mapping[str, Any]) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    measured = Measured(LatencyJob.from_dict(json.loads(sys.stdin.readline())))
    answer(measured.ready)
    for line in sys.stdin:
        answer(measured.block(Amount(**json.loads(line))))


if __name__ == "__main__":
    main()
