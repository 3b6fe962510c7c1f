"""Whether ``torch.compile`` saves time in a study: its first step, and the speed after it.

    python benchmarks/compiling.py

Both sides are the tuned bare loop of ``training.py``: channels-last, fp32, all cores, images in
memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from material import SearchSetup, Steps, search_setup, speech
from timing import print_findings, rates_compared

from serbench.model.allocator import keep_freed_memory
from serbench.plugins import Plugins

EAGER, COMPILED = "eager", "compiled"


class Loop:
    """A training loop without an end."""

    def __init__(self, work: SearchSetup, backend: str | None) -> None:
        network = Steps(work.search, 1).network(work.context())
        batch, rows = work.search.plan.batch_size, work.search.split.holdout.train
        with torch.no_grad():
            images = network.front_end(torch.from_numpy(work.material.clips.batch(rows)))
        self._images = images[:batch].contiguous(memory_format=torch.channels_last)
        self._targets = torch.from_numpy(work.search.manifest.targets[rows[:batch]])
        module = torch.nn.Sequential(network.backbone, network.head)
        module = module.to(memory_format=torch.channels_last).train()
        self._optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
        self._module = torch.compile(module, backend=backend) if backend else module

    def rate(self, steps: int) -> float:
        """Clips per second."""
        started = time.perf_counter()
        for _ in range(steps):
            loss = F.cross_entropy(self._module(self._images), self._targets)
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self._optimizer.step()
            loss.item()
        return steps * len(self._images) / (time.perf_counter() - started)


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the first step of both sides, then further steps in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="mobilenetv3_large_100")
    parser.add_argument(
        "--backend",
        default="inductor",
        help="backend of torch.compile; inductor needs a C++ compiler",
    )
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.backbone, options.backend = "homebrew", "aot_eager"
        options.steps, options.repetitions = 1, 1
    keep_freed_memory()
    plugins = Plugins()
    data, manifest = speech(plugins, 96)
    with tempfile.TemporaryDirectory() as folder:
        work = search_setup(plugins, manifest, Path(folder), backbone=options.backbone)
        loops = {EAGER: Loop(work, None), COMPILED: Loop(work, options.backend)}
        first = {name: _seconds(loop) for name, loop in loops.items()}
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(options.repetitions):
            for name, loop in loops.items():
                rates[name].append(loop.rate(options.steps))
    print_findings(
        "compiling",
        data,
        [rates_compared(f"steps of {options.backbone}", rates, EAGER, COMPILED, None)],
        notes=[f"First steps: {EAGER} {first[EAGER]:.1f} s, {COMPILED} {first[COMPILED]:.1f} s."],
    )


def _seconds(loop: Loop) -> float:
    started = time.perf_counter()
    loop.rate(1)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
