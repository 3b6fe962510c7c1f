"""How fast networks learn here: against a plain loop, a tuned one, and other ways of our own.

    python benchmarks/training.py

The *plain loop* is what one writes first: a network, Adam, batches that lie ready as tensors, fp32,
in a process whose allocator nobody touched. The *tuned bare loop* is fed the same tensors, with
channels-last memory and a C allocator that keeps its pages. *serbench* does everything a study does
in an epoch, from the memory map of clips on: augmentation, front end, masks, network, schedule. All
rates are of whole training steps of 32 clips, the first not counted, timed in turn.
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
from material import bench_for, speech
from timing import Finding, print_findings, rates_compared

from serbench.execute.executor import SILENT, Executor, Line
from serbench.execute.fold import Bench, build_network, frozen, regime_of
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.model.training import Watch, train
from serbench.plugins import Plugins
from serbench.run.speed_tuning import Calibration, Way, Wishes, calibrate
from serbench.search.space import Configuration
from serbench.search.study import space_of

LARGE, INCEPTION, SMALL = "mobilenetv3_large_100", "inception_v3", "homebrew"


class _EnoughError(Exception):
    """As many steps as were wanted."""


class _Stopwatch(Watch):
    """Notes when each step ends."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def step(self, loss: float) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise _EnoughError


def whole_epoch(bench: Bench, depth: int, steps: int, line: Line = SILENT) -> float:
    """Clips per second of training steps as a study makes them."""
    bench.compute_settings.use()
    configuration = replace(
        Configuration.from_parameters(space_of(bench).initial()), freeze_depth=depth
    )
    network, _ = build_network(bench, seed=0)
    bench.compute_settings.arrange_filters(network)
    holdout = bench.split.holdout
    rows = np.resize(holdout.train, (steps + 2) * bench.plan.batch_size)
    stopwatch = _Stopwatch(steps)
    with suppress(_EnoughError):
        train(
            network,
            frozen(bench, network, configuration),
            bench.clips,
            bench.manifest.targets,
            replace(holdout, train=rows, test=holdout.train[:1]),
            regime_of(bench, configuration, 0),
            stopwatch,
            bench.compute_settings,
            bench.prefetch,
        )
    return steps * bench.plan.batch_size / (stopwatch.ends[-1] - stopwatch.ends[0])


def bare_loop(bench: Bench, tuned: bool, steps: int, line: Line = SILENT) -> float:
    """Clips per second of a loop that does nothing but learn, fed with ready images."""
    torch.set_num_threads(bench.compute_settings.threads)
    network, _ = build_network(bench, seed=0)
    batch = bench.plan.batch_size
    rows = np.resize(bench.split.holdout.train, 2 * batch)
    with torch.no_grad():
        images = network.front_end(torch.from_numpy(bench.clips.batch(rows)))
    images = images.contiguous()
    targets = torch.from_numpy(bench.manifest.targets[rows])
    module = network.backbone
    if tuned:
        module = module.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    ends = []
    for number in range(steps + 1):
        half = slice(number % 2 * batch, number % 2 * batch + batch)
        loss = F.cross_entropy(module(images[half]), targets[half])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()
        ends.append(time.perf_counter())
    return steps * batch / (ends[-1] - ends[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Time all ways in turn and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6, help="timed steps of each repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument(
        "--networks", nargs="*", default=[LARGE, INCEPTION], help="which comparisons to make"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.repetitions, options.networks = 1, 1, [SMALL]
    plugins = Plugins()
    data, manifest = speech(plugins, 120 if options.quick else None)
    findings: list[Finding] = []
    calibrations: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        for name in options.networks:
            print(f"timing {name}", file=sys.stderr)
            bench = bench_for(plugins, manifest, Path(folder), backbone=name, trials=10, epochs=100)
            found = calibrate(bench, space_of(bench), executor, Wishes())
            calibrations[name] = found.as_dict()
            compare = _half_precision if name == INCEPTION else _in_full
            findings += compare(bench, found, executor, options.steps, options.repetitions)
    print_findings("training", data, findings, batch_size=32, calibrations=calibrations)


def _in_full(
    bench: Bench, found: Calibration, executor: Executor, steps: int, repetitions: int
) -> list[Finding]:
    name = bench.plan.backbone
    cores = torch.get_num_threads()
    one = replace(
        bench, compute_settings=replace(found.way.compute_settings, precision="fp32", threads=cores)
    )
    stages = len(bench.backbone.stages(build_network(bench, 0)[0].backbone))
    sides: dict[str, Callable[[], float]] = {
        "plain loop": lambda: bare_loop(one, False, steps),
        "tuned bare loop": lambda: _rate(executor, bare_loop, (one, True, steps)),
        "serbench": lambda: _rate(executor, whole_epoch, (one, 0, steps)),
        "serbench, all but one stage frozen": lambda: _rate(
            executor, whole_epoch, (one, stages - 1, steps)
        ),
        "serbench, a fold on each core": lambda: _side_by_side(one, executor, steps),
        "serbench, as calibrated": lambda: _as_calibrated(bench, found.way, executor, steps),
    }
    rates = _in_turn(sides, repetitions)
    compared = [
        ("plain loop", "serbench", 1.8),
        ("tuned bare loop", "serbench", 0.85),
        ("serbench", "serbench, all but one stage frozen", 2.2),
        ("serbench", "serbench, a fold on each core", None),
        ("serbench", "serbench, as calibrated", None),
    ]
    return [
        rates_compared(f"training {name}", rates, usual, ours, target)
        for usual, ours, target in compared
    ]


def _half_precision(
    bench: Bench, found: Calibration, executor: Executor, steps: int, repetitions: int
) -> list[Finding]:
    """What calibration chose, against the plain loop; this network takes seconds for a step."""
    steps, repetitions = max(1, steps // 4), max(1, repetitions // 2)
    plain = replace(bench, compute_settings=ComputeSettings(torch.get_num_threads()))
    sides: dict[str, Callable[[], float]] = {
        "plain loop": lambda: bare_loop(plain, False, steps),
        "serbench, as calibrated": lambda: _as_calibrated(bench, found.way, executor, steps),
    }
    rates = _in_turn(sides, repetitions)
    chosen = found.way.compute_settings.text
    return [
        rates_compared(
            f"training {bench.plan.backbone}, calibration chose {chosen}",
            rates,
            "plain loop",
            "serbench, as calibrated",
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


def _rate(executor: Executor, function: Callable[..., float], arguments: tuple[Any, ...]) -> float:
    task = executor.submit(function, arguments)
    executor.wait([task])
    rate: float = task.result()
    return rate


def _side_by_side(bench: Bench, executor: Executor, steps: int) -> float:
    way = Way(replace(bench.compute_settings, threads=1), jobs=torch.get_num_threads())
    return _as_calibrated(bench, way, executor, steps)


def _as_calibrated(bench: Bench, way: Way, executor: Executor, steps: int) -> float:
    bench = replace(bench, compute_settings=way.compute_settings, prefetch=way.prefetch)
    tasks = [executor.submit(whole_epoch, (bench, 0, steps)) for _ in range(way.jobs)]
    while waiting := [task for task in tasks if not task.done]:
        executor.wait(waiting)
    return float(sum(task.result() for task in tasks))


if __name__ == "__main__":
    main()
