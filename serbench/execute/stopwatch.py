"""How long a training step takes, found by training briefly."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch

from serbench.data.protocols import Rows
from serbench.data.seeds import derive_seed
from serbench.execute.executor import Bench, Line
from serbench.execute.fold import build_network, frozen, regime_of
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration, Recipe
from serbench.model.training import Watch, pick_device, train

ENOUGH_SECONDS = 1.0
ENOUGH_STEPS = 32
"""Steps are timed until one of these is reached, but two at the least."""


@dataclass(frozen=True)
class TimingJob:
    """Some steps of a training, to be timed.

    Attributes:
        material: key of the shared material.
        recipe: what the network is made of and how it is trained.
        configuration: to train with.
        rows: to learn from, ``[n]``, taken again where they are too few.
        root_seed: of the study.
        compute: how to compute.
        limit: seconds beyond which a step is too slow to be timed again, or None.
        short: seconds that the first step, which is the slowest, has to take for others to be
            timed at all.
    """

    material: str
    recipe: Recipe
    configuration: Configuration
    rows: Rows
    root_seed: int
    compute: ComputeSettings
    limit: float | None = None
    short: float = 0.0


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


def time_steps(job: TimingJob, bench: Bench, line: Line) -> tuple[float, tuple[float, ...]]:
    """Median seconds of a training step, front end and augmentation included, and first losses."""
    seed = derive_seed(job.root_seed, "calibration")
    job.compute.use()
    stopwatch = _Stopwatch(line, job.limit, job.short)
    material, recipe = bench.material(job.material), job.recipe
    enough = np.resize(job.rows, (ENOUGH_STEPS + 2) * recipe.batch_size)
    with torch.random.fork_rng():
        network, _ = build_network(
            recipe,
            bench.plugins,
            len(material.manifest.emotions),
            material.weights_files,
            job.configuration.head,
            seed,
        )
        job.compute.arrange_filters(network.to(pick_device()))
        with suppress(_Enough):
            train(
                network,
                frozen(recipe, bench.plugins, network, job.configuration.freeze_depth),
                material.clips,
                material.manifest.targets,
                enough,
                job.rows[:1],  # the end of the first epoch is never reached
                regime_of(recipe, bench.plugins, job.configuration, seed),
                stopwatch,
                job.compute,
            )
    return statistics.median(stopwatch.seconds), tuple(stopwatch.losses)
