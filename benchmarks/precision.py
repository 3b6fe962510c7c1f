"""Comparison of the UA of trainings in half and in full precision on the same folds.

    python benchmarks/precision.py
    python benchmarks/precision.py --backbone inception_v3 --weights none --folds 1

Both sides train every fold with the same seed, the same initial weights and the paper's
configuration. The UA on speakers that are not in the training data is compared. The interval is a
Student's t interval over the differences of the folds. A note gives the result of speed tuning
after a few steps: whether the losses agree.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from material import SearchSetup, results_of, search_setup, speech
from scipy.special import stdtrit
from timing import Finding, print_findings

from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Outcome
from serbench.execute.processes import WorkerProcesses
from serbench.execute.stopwatch import TimingJob, time_steps
from serbench.model.compute import BF16, FP32, ComputeSettings
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.run.speed_tuning import Timed


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every fold twice and print both results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="homebrew")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--clips", type=int, help="number of clips of all speakers; by default all")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--folds", type=int, default=5, help="number of folds, at most five")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.epochs, options.folds = 120, 1, 2
    plugins = Plugins()
    data, manifest = speech(plugins, options.clips)
    outcomes: dict[str, list[Outcome]] = {FP32: [], BF16: []}
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        work = search_setup(
            plugins,
            manifest,
            Path(folder),
            backbone=options.backbone,
            weights=options.weights,
            epochs=options.epochs,
        )
        executor.share(work.material)
        agree = _losses_agree(work, options.threads, executor)
        for seed in range(options.seeds):
            for precision, found in outcomes.items():
                found += _folds(work, precision, options.threads, seed, options.folds, executor)
    uars = {name: [outcome.uar for outcome in found] for name, found in outcomes.items()}
    print_findings(
        "precision",
        data,
        [_compared(options.backbone, uars)],
        epochs=options.epochs,
        uars=uars,
        losses_agree=agree,
        notes=[_difference(uars), f"Speed tuning finds that losses agree: {agree}."],
    )


def _folds(
    work: SearchSetup, precision: str, threads: int, seed: int, count: int, executor: Executor
) -> list[Outcome]:
    search = work.with_compute(ComputeSettings(threads, precision)).search
    search = replace(search, plan=replace(search.plan, seed=seed))
    configuration = Configuration.from_parameters(search.space.initial())
    jobs = [search.job(0, configuration, number) for number in range(count)]
    outcomes: list[Outcome] = results_of(executor, run_fold, jobs)
    for outcome in outcomes:
        print(
            f"{precision}, seed {seed}, fold {outcome.fold}: UA {100 * outcome.uar:.1f} "
            f"after {outcome.epochs} epochs, {outcome.seconds:.0f} s",
            file=sys.stderr,
        )
    return outcomes


def _losses_agree(work: SearchSetup, threads: int, executor: Executor) -> bool:
    search = work.search
    timed = []
    for precision in (FP32, BF16):
        compute = ComputeSettings(threads, precision)
        job = TimingJob(
            material=search.material,
            recipe=search.plan.recipe,
            configuration=Configuration.from_parameters(search.space.initial()),
            rows=search.split.holdout.train,
            root_seed=search.plan.root_seed,
            compute=compute,
        )
        [(seconds, losses)] = results_of(executor, time_steps, [job])
        timed.append(Timed(compute, search.plan.batch_size / seconds, losses))
    full, half = timed
    return half.agrees_with(full)


def _compared(backbone: str, uars: dict[str, list[float]]) -> Finding:
    ratios = [half / full for full, half in zip(uars[FP32], uars[BF16], strict=True) if full]
    figures = {name: 100 * statistics.fmean(found) for name, found in uars.items()}
    return Finding(
        f"UA of {backbone} over {len(uars[FP32])} folds",
        "%",
        figures,
        figures[BF16] / figures[FP32],
        (min(ratios), max(ratios)),
        None,
        None,
    )


def _difference(uars: dict[str, list[float]]) -> str:
    differences = [100 * (half - full) for full, half in zip(uars[FP32], uars[BF16], strict=True)]
    mean, count = statistics.fmean(differences), len(differences)
    found = f"bf16 − fp32: {mean:+.1f} percentage points"
    if count < 2:
        return f"{found}, of one fold."
    margin = stdtrit(count - 1, 0.975) * statistics.stdev(differences) / math.sqrt(count)
    return (
        f"{found}, 95 % interval {mean - margin:+.1f} to {mean + margin:+.1f} over {count} folds."
    )


if __name__ == "__main__":
    main()
