"""What a fold costs each executor beside its training, and what a second Ray worker gains.

    python benchmarks/executors.py
    python benchmarks/executors.py --counts 10 100 1000 10000
    python benchmarks/executors.py --quick

Needs Ray: ``pip install 'serbench[ray]'``. Folds that do nothing are run by each executor, as many
at once as it has slots, which is how a search submits them. The cost is the CPU time of the process
that waits for them (the driver), without that of workers. Ray's own threads in the driver are part
of it. Then real folds of the homebrew network are trained through Ray, one thread each, one at a
time and two at a time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from material import search_setup, speech
from null_jobs import do_nothing
from timing import Finding, in_turn, print_findings, times_faster

from serbench.execute.executor import HERE, PROCESSES, RAY, Executor, Function, executor_of
from serbench.execute.fold import run_fold
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins

COUNTS = (10, 100, 1000)
FASTER = 1.6
"""Required gain of two workers, where the machine has two idle cores."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Time folds that do nothing and real folds, and print."""
    parser = argparse.ArgumentParser(description="cost of a fold in each executor")
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few folds, no measurement")
    options = parser.parse_args(arguments)
    if options.quick:
        options.counts, options.clips, options.epochs, options.repetitions = [2, 4], 120, 1, 1
    # Workers of Ray import the job from this folder.
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    findings, wall = [], {}
    for kind in (HERE, PROCESSES, RAY):
        print(f"folds that do nothing: {kind}", file=sys.stderr)
        with executor_of(kind) as executor:
            finding, wall[kind] = _null_folds(kind, executor, options.counts, options.repetitions)
            findings.append(finding)
            if kind == RAY:
                data, more = _two_workers(executor, options)
                findings.append(more)
    notes = [
        f"Wall time of a fold that does nothing, {kind}: "
        + ", ".join(f"{1000 * each:.2f} ms with {n:,} folds" for n, each in seconds.items())
        + "."
        for kind, seconds in wall.items()
    ]
    print_findings("executors", data, findings, notes=notes)


def _null_folds(
    kind: str, executor: Executor, counts: Sequence[int], repetitions: int
) -> tuple[Finding, dict[int, float]]:
    """CPU time of the driver for each fold, with few and with many folds, and the wall time."""
    run_all(executor, do_nothing, range(2 * executor.slots), executor.slots)
    cpu: dict[str, list[float]] = {f"{count:,} folds": [] for count in counts}
    wall: dict[int, float] = {}
    for _ in range(repetitions):
        for count in counts:
            began, used = time.perf_counter(), time.process_time()
            run_all(executor, do_nothing, range(count), executor.slots)
            cpu[f"{count:,} folds"].append((time.process_time() - used) / count)
            taken = (time.perf_counter() - began) / count
            wall[count] = min(taken, wall.get(count, taken))
    few, *_, many = cpu
    what = f"driver's CPU time for a fold that does nothing, {kind}"
    return times_faster(what, cpu, few, many, None, "ms", 1000), wall


def _two_workers(executor: Executor, options: argparse.Namespace) -> tuple[str, Finding]:
    """Real folds one at a time and two at a time."""
    plugins = Plugins()
    data, manifest = speech(plugins, options.clips)
    with tempfile.TemporaryDirectory() as folder:
        setup = search_setup(plugins, manifest, Path(folder), epochs=options.epochs)
        search = setup.with_compute(ComputeSettings(1)).search
        executor.share(setup.material)
        configuration = Configuration.from_parameters(search.space.initial())
        numbers = range(len(search.split.folds))
        jobs = [search.job(0, configuration, number) for number in (*numbers, *numbers)]

        def at_once(workers: int) -> Callable[[], None]:
            return lambda: run_all(executor, run_fold, jobs[: len(jobs) // 2 * 2], workers)

        sides = {"one worker": at_once(1), "two workers": at_once(2)}
        taken = in_turn(sides, options.repetitions)
    what = f"{len(jobs)} folds of homebrew, {options.epochs} epochs, through Ray"
    return data, times_faster(what, taken, "one worker", "two workers", FASTER)


def run_all(executor: Executor, function: Function, jobs: Sequence[Any], at_once: int) -> None:
    """Run jobs, with so many submitted at the same time."""
    waiting = list(jobs)[::-1]
    running: list[Any] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(executor.submit(function, waiting.pop(), _ignore))
        executor.wait(running)
        for future in [each for each in running if each.done()]:
            future.result()
            running.remove(future)


def _ignore(message: object) -> None:
    """Discard a message."""


if __name__ == "__main__":
    main()
