"""How long a training step takes, found by training for a moment."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch

from serbench.data.seeds import derive_seed
from serbench.execute.executor import SILENT, Line
from serbench.execute.fold import Bench, build_network, frozen, regime_of
from serbench.model.training import Watch, pick_device, train
from serbench.search.space import Configuration

ENOUGH_SECONDS = 1.0
ENOUGH_STEPS = 32
"""Steps are timed until one of these is reached, but two at the least."""


class _Enough(Exception):  # noqa: N818 - nothing went wrong
    """As many steps as were wanted."""


class _Stopwatch(Watch):
    """Times steps, the first counted only where it was short, until there are enough."""

    def __init__(self, line: Line, limit: float | None, short: float) -> None:
        self._line = line
        self._limit = limit
        self._short = short
        self._last = time.perf_counter()
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def step(self, loss: float) -> None:
        self._line.check()
        now = time.perf_counter()
        self.losses.append(loss)
        short = len(self.losses) == 1 and now - self._last < self._short
        if short or len(self.losses) > 1:
            self.seconds.append(now - self._last)
        self._last = now
        slow = self._limit is not None and self.seconds[:1] > [self._limit]
        enough = len(self.seconds) >= 2 and (
            sum(self.seconds) >= ENOUGH_SECONDS or len(self.seconds) >= ENOUGH_STEPS
        )
        if short or slow or enough:
            raise _Enough


def time_steps(
    bench: Bench,
    configuration: Configuration,
    limit: float | None,
    short: float = 0.0,
    line: Line = SILENT,
) -> tuple[float, tuple[float, ...]]:
    """Median seconds of a training step, front end and augmentation included, and first losses.

    Args:
        bench: the plan and what it names.
        configuration: to train with.
        limit: seconds beyond which a step is too slow to be timed again.
        short: seconds that the first step, which is the slowest, has to take for others to be
            timed at all.
        line: a cancelled one ends it.
    """
    seed = derive_seed(bench.plan.root_seed, "calibration")
    bench.compute_settings.use()
    stopwatch = _Stopwatch(line, limit, short)
    holdout = bench.split.holdout
    enough = np.resize(holdout.train, (ENOUGH_STEPS + 2) * bench.plan.batch_size)
    fold = replace(holdout, train=enough, test=holdout.train[:1])  # its end is never reached
    with torch.random.fork_rng():
        network, _ = build_network(bench, seed)
        bench.compute_settings.arrange_filters(network.to(pick_device()))
        with suppress(_Enough):
            train(
                network,
                frozen(bench, network, configuration),
                bench.clips,
                bench.manifest.targets,
                fold,
                regime_of(bench, configuration, seed),
                stopwatch,
                bench.compute_settings,
                bench.prefetch,
            )
    return statistics.median(stopwatch.seconds), tuple(stopwatch.losses)
