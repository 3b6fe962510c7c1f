"""The speed of training, compared with a plain loop, a tuned loop, and other compute settings.

    python benchmarks/training.py

The *plain loop* is the simplest program: a network, Adam, batches of tensors in memory, fp32, and
the default allocator. The *tuned bare loop* uses the same tensors with channels-last memory and a C
allocator that keeps its pages. *serbench* does everything that a study does in an epoch, starting
with the memory map of clips: augmentation, front end, masks, network, schedule. All rates are for
whole training steps of 32 clips without the first one, timed in turn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from material import SearchSetup, Steps, results_of, search_setup, speech
from timing import Finding, print_findings, rates_compared
from torch import nn

from serbench.execute.executor import SILENT, Channel, Executor, Function, JobContext
from serbench.execute.networks import frozen, regime_of
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.model.training import Watch, train
from serbench.plugins import Plugins
from serbench.run.speed_tuning import SpeedTuning, Wishes, tune

LARGE, INCEPTION, SMALL = "mobilenetv3_large_100", "inception_v3", "homebrew"


class _EnoughError(Exception):
    """Enough steps were timed."""


class _Stopwatch(Watch):
    """Records when each step ends."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def step(self, loss: float) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise _EnoughError


def whole_epoch(job: Steps, context: JobContext, channel: Channel = SILENT) -> float:
    """Clips per second of the training steps of a study."""
    search, recipe = job.search, job.search.plan.recipe
    search.compute.use()
    network = job.network(context)
    search.compute.arrange_filters(network)
    holdout = search.split.holdout
    rows = np.resize(holdout.train, (job.count + 2) * recipe.batch_size)
    stopwatch = _Stopwatch(job.count)
    with suppress(_EnoughError):
        train(
            network,
            frozen(recipe, context.plugins, network, job.depth),
            context.material(search.material).clips,
            search.manifest.targets,
            rows,
            holdout.train[:1],
            regime_of(recipe, context.plugins, job.configuration, 0),
            stopwatch,
            search.compute,
        )
    return job.count * recipe.batch_size / (stopwatch.ends[-1] - stopwatch.ends[0])


def bare_loop(job: Steps, context: JobContext, channel: Channel = SILENT) -> float:
    """Clips per second of a bare training loop on images in memory."""
    search = job.search
    torch.set_num_threads(search.compute.threads)
    network = job.network(context)
    batch = search.plan.batch_size
    rows = np.resize(search.split.holdout.train, 2 * batch)
    clips = context.material(search.material).clips
    with torch.no_grad():
        images = network.front_end(torch.from_numpy(clips.batch(rows)))
    images = images.contiguous()
    targets = torch.from_numpy(search.manifest.targets[rows])
    module: nn.Module = nn.Sequential(network.backbone, network.head)
    if job.tuned:
        module = module.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    ends = []
    for number in range(job.count + 1):
        half = slice(number % 2 * batch, number % 2 * batch + batch)
        loss = F.cross_entropy(module(images[half]), targets[half])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()
        ends.append(time.perf_counter())
    return job.count * batch / (ends[-1] - ends[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Time all sides in turn and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--steps", type=int, default=6, help="number of timed steps of each repetition"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    parser.add_argument(
        "--networks", nargs="*", default=[LARGE, INCEPTION], help="networks to compare"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.repetitions, options.networks = 1, 1, [SMALL]
    plugins = Plugins()
    data, manifest = speech(plugins, 120 if options.quick else None)
    findings: list[Finding] = []
    tunings: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        for name in options.networks:
            print(f"timing {name}", file=sys.stderr)
            work = search_setup(
                plugins, manifest, Path(folder), backbone=name, trials=10, epochs=100
            )
            executor.share(work.material)
            found = tune(work.search, executor, Wishes())
            tunings[name] = found.as_dict()
            compare = _half_precision if name == INCEPTION else _in_full
            findings += compare(work, found, executor, options.steps, options.repetitions)
    print_findings("training", data, findings, batch_size=32, speed_tunings=tunings)


def _in_full(
    work: SearchSetup, found: SpeedTuning, executor: Executor, steps: int, repetitions: int
) -> list[Finding]:
    name = work.search.plan.backbone
    cores = torch.get_num_threads()
    usual = replace(found.chosen, precision="fp32", threads=cores, parallel=1, prefetch=False)
    each_core = replace(usual, threads=1, parallel=cores)
    one = Steps(work.with_compute(usual).search, steps)
    backbone = work.plugins.backbones.get(name)
    stages = len(backbone.stages(one.network(work.context()).backbone))
    deep, tuned = replace(one, depth=stages - 1), replace(one, tuned=True)
    sides: dict[str, Callable[[], float]] = {
        "plain loop": lambda: bare_loop(one, work.context()),
        "tuned bare loop": lambda: _rate(executor, bare_loop, tuned),
        "serbench": lambda: _rate(executor, whole_epoch, one),
        "serbench, all but one stage frozen": lambda: _rate(executor, whole_epoch, deep),
        "serbench, a fold on each core": lambda: _with(work, each_core, executor, steps),
        "serbench, as tuned": lambda: _with(work, found.chosen, executor, steps),
    }
    rates = _in_turn(sides, repetitions)
    compared = [
        ("plain loop", "serbench", 1.8),
        ("tuned bare loop", "serbench", 0.85),
        ("serbench", "serbench, all but one stage frozen", 2.2),
        ("serbench", "serbench, a fold on each core", None),
        ("serbench", "serbench, as tuned", None),
    ]
    return [
        rates_compared(f"training {name}", rates, usual, ours, target)
        for usual, ours, target in compared
    ]


def _half_precision(
    work: SearchSetup, found: SpeedTuning, executor: Executor, steps: int, repetitions: int
) -> list[Finding]:
    """Compare speed tuning's choice with the plain loop for a network with slow steps."""
    steps, repetitions = max(1, steps // 4), max(1, repetitions // 2)
    plain = Steps(work.with_compute(ComputeSettings.present()).search, steps)
    sides: dict[str, Callable[[], float]] = {
        "plain loop": lambda: bare_loop(plain, work.context()),
        "serbench, as tuned": lambda: _with(work, found.chosen, executor, steps),
    }
    rates = _in_turn(sides, repetitions)
    chosen = found.chosen.text
    return [
        rates_compared(
            f"training {work.search.plan.backbone}, speed tuning chose {chosen}",
            rates,
            "plain loop",
            "serbench, as tuned",
            None,
        )
    ]


def _in_turn(sides: dict[str, Callable[[], float]], repetitions: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, side in sides.items():
            rates[name].append(side())
            print(f"{name}: {rates[name][-1]:.1f} clips per second", file=sys.stderr)
    return rates


def _rate(executor: Executor, function: Function, job: Steps) -> float:
    [rate] = results_of(executor, function, [job])
    return float(rate)


def _with(work: SearchSetup, compute: ComputeSettings, executor: Executor, steps: int) -> float:
    """Clips per second of all parallel trainings that the settings request."""
    job = Steps(work.with_compute(compute).search, steps)
    return float(sum(results_of(executor, whole_epoch, [job] * compute.parallel)))


if __name__ == "__main__":
    main()
