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
from serbench.search.study import Search

SLOWER = 1.5
"""Settings are timed no further if their first step takes this many times the fastest one's."""

WORTH_IT = 1.05
"""Alternatives must be this many times faster, so that noise does not decide between equals."""

HALF_IS_WORTH_IT = 1.25
"""Half precision must be this many times faster, because it has fewer digits."""

CLOSE = 0.05
"""Largest relative difference of the losses of the first steps from those in full precision."""

MOST_PARALLEL = 8

PAYS_BACK = 120.0
"""Shortest duration of a study in seconds for which other settings are tried."""


@dataclass(frozen=True)
class Timed:
    """A measurement of some compute settings.

    Attributes:
        compute: the settings.
        clips_per_second: number of trained clips per second, over all parallel trainings.
        losses: losses of the first steps of one training.
    """

    compute: ComputeSettings
    clips_per_second: float
    losses: tuple[float, ...]

    def faster_than(self, other: Timed, times: float) -> bool:
        """Whether the rate is more than ``times`` the other rate."""
        return self.clips_per_second > times * other.clips_per_second

    def agrees_with(self, other: Timed) -> bool:
        """Whether the losses of the common steps agree.

        The losses of the first step, which start from the same weights, and the mean losses over
        the steps are compared. Single later steps are not, since small differences may grow.
        """
        common = min(len(self.losses), len(other.losses))
        mine, theirs = (statistics.fmean(each.losses[:common]) for each in (self, other))
        pairs = ((self.losses[0], other.losses[0]), (mine, theirs))
        return all(abs(one - two) <= CLOSE * abs(two) for one, two in pairs)


@dataclass(frozen=True)
class SpeedTuning:
    """The chosen settings, and all measurements."""

    chosen: ComputeSettings
    tried: tuple[Timed, ...]

    @property
    def compared(self) -> bool:
        """Whether more than one measurement was made."""
        return len(self.tried) > 1

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the database."""
        tried = [
            {**each.compute.as_dict(), "clips_per_second": each.clips_per_second}
            for each in self.tried
        ]
        return {"chosen": self.chosen.as_dict(), "tried": tried}


@dataclass(frozen=True)
class Wishes:
    """The settings that the user chose; None for those that are measured."""

    precision: str | None = None
    threads: int | None = None
    parallel: int | None = None

    @property
    def leave_nothing(self) -> bool:
        """Whether the user chose all settings."""
        return None not in (self.precision, self.threads, self.parallel)


def tune(search: Search, executor: Executor, wishes: Wishes) -> SpeedTuning:
    """Time real steps of this study with several compute settings, and choose the fastest.

    Memory format, precision, division of threads between trainings, and prefetching are varied one
    after another. Settings are only chosen if their losses agree with those of full precision. The
    batch size is not changed. A short study is trained with the usual settings.

    Args:
        search: the search; the first configuration of its space is trained.
        executor: runs the trainings; those that are timed run on one of its machines.
        wishes: the settings that the user chose, which are not varied.
    """
    cores = executor.nodes().threads
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
                # Another process may have used the cores while the best settings so far were timed.
                again = _time(search, executor, best.compute, None)
                tried.append(again)
                if timed.faster_than(again, enough):
                    best = timed
    return SpeedTuning(best.compute, tuple(tried))


def _clip_passes(search: Search) -> int:
    """Largest number of clip-passes (clips × epochs) of a study."""
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
    """False if half precision is known to be missing; on some CPUs it works but is slow."""
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported()


def _other_shares(
    compute: ComputeSettings, wishes: Wishes, cores: int, executor: Executor
) -> Alternatives:
    """Fewer threads for each training and more trainings, with at most the available threads."""
    if not _on_cpus(executor):
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
    # If a training uses every core of a CPU, no core is left to prepare batches.
    if compute.parallel == 1 or not _on_cpus(executor):
        yield replace(compute, prefetch=True)


def _on_cpus(executor: Executor) -> bool:
    """Whether trainings run on CPUs, not on GPUs."""
    return executor.nodes().environment.device == "cpu"


def _time(
    search: Search,
    executor: Executor,
    compute: ComputeSettings,
    best: Timed | None,
    short: float = 0.0,
) -> Timed:
    """Time trainings with some settings; their number of trainings run at once."""
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
    _all(executor, compute.parallel, _arrive, job)  # the start of processes is not timed
    results = _all(executor, compute.parallel, time_steps, job)
    rates = [batch_size / seconds for seconds, _ in results]
    return Timed(compute, sum(rates), results[0][1])


def _all(
    executor: Executor,
    times: int,
    function: Callable[[Any, JobContext, Channel], Any],
    job: TimingJob,
) -> list[Any]:
    """The results of a function that runs ``times`` times at once."""
    futures = [executor.submit(function, job, _ignore) for _ in range(times)]
    while waiting := [future for future in futures if not future.done()]:
        executor.wait(waiting)
    return [future.result() for future in futures]


def _ignore(_: object) -> None:
    """Ignore messages, which timings do not send."""


def _arrive(job: TimingJob, context: JobContext, channel: Channel) -> None:
    """Load the material and the backbone of a job in the process where it runs."""
    context.material(job.material)
    context.plugins.backbones.get(job.recipe.backbone)
