"""Which way of computing is fastest on this machine, found by training for a few seconds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from serbench.execute.executor import Executor, Line
from serbench.execute.fold import Bench
from serbench.execute.stopwatch import time_steps
from serbench.model.compute import BF16, CHANNELS_LAST, CONTIGUOUS, FP32, ComputeSettings
from serbench.model.training import pick_device
from serbench.search.space import Configuration, SearchSpace

SLOWER = 1.5
"""A way whose first step takes so many times longer than the fastest is not looked at further."""

WORTH_IT = 1.05
"""What is tried later has to be so many times faster: a tie is decided by habit, not by noise."""

HALF_IS_WORTH_IT = 1.25
"""Half precision has to be faster than this: it costs digits."""

CLOSE = 0.05
"""How far, relatively, losses of the first steps may lie from those of full precision."""

MOST_JOBS = 8

PAYS_BACK = 120.0
"""Seconds that a study takes at the least, for trying other ways to be worth the while."""


@dataclass(frozen=True)
class Way:
    """A way of computing: compute settings, how many trainings at once, whether batches are made ahead."""

    compute_settings: ComputeSettings
    jobs: int = 1
    prefetch: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Way:
        """What ``as_dict`` wrote."""
        return cls(
            **{**data, "compute_settings": ComputeSettings.from_dict(data["compute_settings"])}
        )


@dataclass(frozen=True)
class Timed:
    """What a way was seen to do.

    Attributes:
        way: that was tried.
        clips_per_second: learnt from, all trainings at once taken together.
        losses: of the first steps, of one training.
    """

    way: Way
    clips_per_second: float
    losses: tuple[float, ...]

    def faster_than(self, other: Timed, times: float) -> bool:
        """Whether it is more than so many times faster."""
        return self.clips_per_second > times * other.clips_per_second

    def agrees_with(self, other: Timed) -> bool:
        """Whether both learn the same, as far as their common steps tell.

        The loss of the first step, which the same weights came to, and the mean over the steps
        are compared; from one step to the next the smallest difference may grow.
        """
        common = min(len(self.losses), len(other.losses))
        mine, theirs = (statistics.fmean(each.losses[:common]) for each in (self, other))
        pairs = ((self.losses[0], other.losses[0]), (mine, theirs))
        return all(abs(one - two) <= CLOSE * abs(two) for one, two in pairs)


@dataclass(frozen=True)
class Calibration:
    """The way that was chosen, and all that were tried."""

    way: Way
    tried: tuple[Timed, ...]

    @property
    def compared(self) -> bool:
        """Whether there was anything to choose from."""
        return len(self.tried) > 1

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        tried = [
            {**each.way.as_dict(), "clips_per_second": each.clips_per_second} for each in self.tried
        ]
        return {"way": self.way.as_dict(), "tried": tried}


@dataclass(frozen=True)
class Wishes:
    """What the user has chosen; None where measuring decides."""

    precision: str | None = None
    threads: int | None = None
    jobs: int | None = None

    @property
    def leave_nothing(self) -> bool:
        """Whether there is nothing to measure."""
        return None not in (self.precision, self.threads, self.jobs)


def calibrate(bench: Bench, space: SearchSpace, executor: Executor, wishes: Wishes) -> Calibration:
    """Try ways of computing on real steps of this study, and choose the fastest that learns alike.

    One thing after another: memory format, precision, how threads are shared out between
    trainings, prefetching. The batch size is never touched. A study that is soon over is trained
    the usual way.

    Args:
        bench: the plan and what it names.
        space: whose first configuration is trained with.
        executor: where trainings run.
        wishes: what is not to be tried.
    """
    cores = torch.get_num_threads()
    configuration = Configuration.from_parameters(space.initial())
    jobs = wishes.jobs or 1
    threads = wishes.threads or max(1, cores // jobs)
    habit = Way(ComputeSettings(threads, wishes.precision or FP32), jobs)
    if wishes.leave_nothing:
        return Calibration(habit, ())
    tried: list[Timed] = []
    passes = _clip_passes(bench)
    soon_over = PAYS_BACK * bench.plan.batch_size / passes
    best = reference = _time(bench, configuration, executor, habit, None, soon_over)
    tried.append(reference)
    if passes < PAYS_BACK * reference.clips_per_second:
        return Calibration(habit, tuple(tried))
    for alternatives in (_other_compute_settings, _other_shares, _other_feeding):
        start = best
        for way in alternatives(start.way, wishes, cores, executor):
            timed = _time(bench, configuration, executor, way, best)
            tried.append(timed)
            halved = way.compute_settings.precision != best.way.compute_settings.precision
            enough = HALF_IS_WORTH_IT if halved else WORTH_IT
            if timed.faster_than(best, enough) and timed.agrees_with(reference):
                # Somebody else may have been busy while the best so far was timed.
                again = _time(bench, configuration, executor, best.way, None)
                tried.append(again)
                if timed.faster_than(again, enough):
                    best = timed
    return Calibration(best.way, tuple(tried))


def _clip_passes(bench: Bench) -> int:
    """Clips that a study trains on at the most, each counted in every epoch."""
    clips = sum(len(fold.train) for fold in bench.split.folds)
    return bench.plan.trials * bench.plan.epochs * clips


def _other_compute_settings(
    way: Way, wishes: Wishes, cores: int, executor: Executor
) -> Iterator[Way]:
    yield replace(way, compute_settings=replace(way.compute_settings, memory_format=CONTIGUOUS))
    if wishes.precision is None and _may_have_bf16():
        yield replace(
            way,
            compute_settings=replace(
                way.compute_settings, precision=BF16, memory_format=CHANNELS_LAST
            ),
        )


def _may_have_bf16() -> bool:
    """False where it is known to be missing; a CPU without it shows by being slow."""
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported()


def _other_shares(way: Way, wishes: Wishes, cores: int, executor: Executor) -> Iterator[Way]:
    """Fewer threads for each training, more trainings; never more threads than there are."""
    if pick_device().type != "cpu":
        return
    shares = {(cores // jobs, jobs) for jobs in (1, 2, 4, MOST_JOBS) if jobs <= cores}
    for threads, jobs in sorted(shares, key=lambda share: share[1]):
        if wishes.threads not in (None, threads) or wishes.jobs not in (None, jobs):
            continue
        if jobs > 1 and not executor.parallel:
            continue
        other = replace(
            way, compute_settings=replace(way.compute_settings, threads=threads), jobs=jobs
        )
        if other != way:
            yield other


def _other_feeding(way: Way, wishes: Wishes, cores: int, executor: Executor) -> Iterator[Way]:
    # On a CPU where a training runs on every core, nobody is left to prepare batches.
    if way.jobs == 1 or pick_device().type != "cpu":
        yield replace(way, prefetch=True)


def _time(
    bench: Bench,
    configuration: Configuration,
    executor: Executor,
    way: Way,
    best: Timed | None,
    short: float = 0.0,
) -> Timed:
    """Train in a certain way, as many trainings at once as it says."""
    limit = None
    if best is not None:
        slowest = SLOWER * way.jobs / best.clips_per_second
        limit = slowest * bench.plan.batch_size
    bench = replace(bench, compute_settings=way.compute_settings, prefetch=way.prefetch)
    _all(executor, way.jobs, _arrive, (bench,))  # starting processes shall not be timed
    results = _all(executor, way.jobs, time_steps, (bench, configuration, limit, short))
    rates = [bench.plan.batch_size / seconds for seconds, _ in results]
    return Timed(way, sum(rates), results[0][1])


def _all(
    executor: Executor, times: int, function: Callable[..., Any], arguments: Sequence[Any]
) -> list[Any]:
    """What a function returns, run so many times at once."""
    tasks = [executor.submit(function, arguments) for _ in range(times)]
    while waiting := [task for task in tasks if not task.done]:
        executor.wait(waiting)
    return [task.result() for task in tasks]


def _arrive(bench: Bench, line: Line) -> None:
    """Import what a bench needs, wherever this runs."""
