"""Speed tuning: which compute settings are fastest on this machine, found by training briefly."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from serbench.execute.executor import Channel, Executor, JobContext
from serbench.execute.stopwatch import TimingJob, time_steps
from serbench.model.compute import BF16, CHANNELS_LAST, CONTIGUOUS, FP32, ComputeSettings
from serbench.model.recipe import Configuration
from serbench.model.training import pick_device
from serbench.search.study import Search

SLOWER = 1.5
"""Settings whose first step takes so many times longer than the fastest are not timed further."""

WORTH_IT = 1.05
"""What is tried later has to be so many times faster, so that noise does not decide a tie."""

HALF_IS_WORTH_IT = 1.25
"""Half precision has to be faster than this: it costs digits."""

CLOSE = 0.05
"""How far, relatively, losses of the first steps may lie from those of full precision."""

MOST_PARALLEL = 8

PAYS_BACK = 120.0
"""Seconds that a study takes at the least, for trying other settings to be worth the time."""


@dataclass(frozen=True)
class Timed:
    """What was measured with some compute settings.

    Attributes:
        compute: the settings.
        clips_per_second: trained on, all parallel trainings taken together.
        losses: of the first steps, of one training.
    """

    compute: ComputeSettings
    clips_per_second: float
    losses: tuple[float, ...]

    def faster_than(self, other: Timed, times: float) -> bool:
        """Whether it is more than so many times faster."""
        return self.clips_per_second > times * other.clips_per_second

    def agrees_with(self, other: Timed) -> bool:
        """Whether both learn the same, as far as their common steps show.

        The loss of the first step, which the same weights came to, and the mean over the steps
        are compared; from one step to the next the smallest difference may grow.
        """
        common = min(len(self.losses), len(other.losses))
        mine, theirs = (statistics.fmean(each.losses[:common]) for each in (self, other))
        pairs = ((self.losses[0], other.losses[0]), (mine, theirs))
        return all(abs(one - two) <= CLOSE * abs(two) for one, two in pairs)


@dataclass(frozen=True)
class SpeedTuning:
    """The settings that were chosen, and all that were tried."""

    chosen: ComputeSettings
    tried: tuple[Timed, ...]

    @property
    def compared(self) -> bool:
        """Whether there was anything to choose from."""
        return len(self.tried) > 1

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        tried = [
            {**each.compute.as_dict(), "clips_per_second": each.clips_per_second}
            for each in self.tried
        ]
        return {"chosen": self.chosen.as_dict(), "tried": tried}


@dataclass(frozen=True)
class Wishes:
    """What the user has chosen; None where measuring decides."""

    precision: str | None = None
    threads: int | None = None
    parallel: int | None = None

    @property
    def leave_nothing(self) -> bool:
        """Whether there is nothing to measure."""
        return None not in (self.precision, self.threads, self.parallel)


def tune(search: Search, executor: Executor, wishes: Wishes) -> SpeedTuning:
    """Try compute settings on real steps of this study; choose the fastest that learn alike.

    One thing after another: memory format, precision, how threads are shared out between
    trainings, prefetching. The batch size is never touched. A study that is soon over is trained
    with the usual settings.

    Args:
        search: the plan and what it works on; the first configuration of its space is trained.
        executor: where trainings run.
        wishes: what is not to be tried.
    """
    cores = torch.get_num_threads()
    parallel = wishes.parallel or 1
    threads = wishes.threads or max(1, cores // parallel)
    usual = ComputeSettings(threads, wishes.precision or FP32, parallel=parallel)
    if wishes.leave_nothing:
        return SpeedTuning(usual, ())
    tried: list[Timed] = []
    passes = _clip_passes(search)
    soon_over = PAYS_BACK * search.plan.batch_size / passes
    best = reference = _time(search, executor, usual, None, soon_over)
    tried.append(reference)
    if passes < PAYS_BACK * reference.clips_per_second:
        return SpeedTuning(usual, tuple(tried))
    for alternatives in (_other_numbers, _other_shares, _other_feeding):
        start = best
        for compute in alternatives(start.compute, wishes, cores, executor):
            timed = _time(search, executor, compute, best)
            tried.append(timed)
            halved = compute.precision != best.compute.precision
            enough = HALF_IS_WORTH_IT if halved else WORTH_IT
            if timed.faster_than(best, enough) and timed.agrees_with(reference):
                # Another process may have been busy while the best so far was timed.
                again = _time(search, executor, best.compute, None)
                tried.append(again)
                if timed.faster_than(again, enough):
                    best = timed
    return SpeedTuning(best.compute, tuple(tried))


def _clip_passes(search: Search) -> int:
    """Clips that a study trains on at the most, each counted in every epoch."""
    clips = sum(len(fold.train) for fold in search.split.folds)
    return search.plan.trials * search.plan.epochs * clips


Alternatives = Iterator[ComputeSettings]


def _other_numbers(
    compute: ComputeSettings, wishes: Wishes, cores: int, executor: Executor
) -> Alternatives:
    yield replace(compute, memory_format=CONTIGUOUS)
    if wishes.precision is None and _may_have_bf16():
        yield replace(compute, precision=BF16, memory_format=CHANNELS_LAST)


def _may_have_bf16() -> bool:
    """False where it is known to be missing; a CPU without it shows by being slow."""
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported()


def _other_shares(
    compute: ComputeSettings, wishes: Wishes, cores: int, executor: Executor
) -> Alternatives:
    """Fewer threads for each training, more trainings; never more threads than there are."""
    if pick_device().type != "cpu":
        return
    for parallel in (1, 2, 4, MOST_PARALLEL):
        threads = cores // parallel
        wanted = wishes.threads in (None, threads) and wishes.parallel in (None, parallel)
        if parallel > min(cores, executor.slots) or not wanted:
            continue
        other = replace(compute, threads=threads, parallel=parallel)
        if other != compute:
            yield other


def _other_feeding(
    compute: ComputeSettings, wishes: Wishes, cores: int, executor: Executor
) -> Alternatives:
    # On a CPU where a training runs on every core, none is left to prepare batches.
    if compute.parallel == 1 or pick_device().type != "cpu":
        yield replace(compute, prefetch=True)


def _time(
    search: Search,
    executor: Executor,
    compute: ComputeSettings,
    best: Timed | None,
    short: float = 0.0,
) -> Timed:
    """Train with some settings, as many trainings at once as they ask for."""
    batch_size, limit = search.plan.batch_size, None
    if best is not None:
        slowest = SLOWER * compute.parallel / best.clips_per_second
        limit = slowest * batch_size
    job = TimingJob(
        material=search.material,
        recipe=search.plan.recipe,
        configuration=Configuration.from_parameters(search.space.initial()),
        rows=search.split.holdout.train,
        root_seed=search.plan.root_seed,
        compute=compute,
        limit=limit,
        short=short,
    )
    _all(executor, compute.parallel, _arrive, job)  # starting processes shall not be timed
    results = _all(executor, compute.parallel, time_steps, job)
    rates = [batch_size / seconds for seconds, _ in results]
    return Timed(compute, sum(rates), results[0][1])


def _all(
    executor: Executor,
    times: int,
    function: Callable[[Any, JobContext, Channel], Any],
    job: TimingJob,
) -> list[Any]:
    """What a function returns, run so many times at once."""
    futures = [executor.submit(function, job, _ignore) for _ in range(times)]
    while waiting := [future for future in futures if not future.done()]:
        executor.wait(waiting)
    return [future.result() for future in futures]


def _ignore(_: object) -> None:
    """A timing has nothing to tell."""


def _arrive(job: TimingJob, context: JobContext, channel: Channel) -> None:
    """Load what a job needs, wherever this runs."""
    context.material(job.material)
    context.plugins.backbones.get(job.recipe.backbone)
