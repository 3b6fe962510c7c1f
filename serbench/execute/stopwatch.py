"""The time of a training step, measured in a short training."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from serbench.data.protocols import Rows
from serbench.data.seeds import derive_seed
from serbench.execute.executor import Channel, JobContext
from serbench.execute.networks import build_network, frozen, regime_of
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration, Recipe
from serbench.model.training import Watch, pick_device, train

ENOUGH_SECONDS = 1.0
ENOUGH_STEPS = 32
"""At least two steps are timed, and more until one of these limits is reached."""


@dataclass(frozen=True)
class TimingJob:
    """Some steps of a training, to be timed.

    Attributes:
        material: key of the shared material.
        recipe: parts of the network and options of its training.
        configuration: configuration to train.
        rows: training rows ``[n]``, repeated where there are too few.
        root_seed: seed of the study.
        compute: compute settings.
        limit: after a step of more seconds no further step is timed; None for no limit.
        short: seconds; if the first step, which is the slowest, takes less, no further step is
            timed.
        on_one_node: jobs that are submitted at the same time must run on one machine.
    """

    material: str
    recipe: Recipe
    configuration: Configuration
    rows: Rows
    root_seed: int
    compute: ComputeSettings
    limit: float | None = None
    short: float = 0.0
    on_one_node: ClassVar[bool] = True


class _Enough(Exception):  # noqa: N818 - it is not an error
    """Enough steps were timed."""


class _Stopwatch(Watch):
    """Times steps until there are enough; the first one counts only where it was short."""

    def __init__(self, channel: Channel, limit: float | None, short: float) -> None:
        self._channel = channel
        self._limit = limit
        self._short = short
        self._last = time.perf_counter()
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def step(self, loss: float) -> None:
        self._channel.check()
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
    job: TimingJob, context: JobContext, channel: Channel
) -> tuple[float, tuple[float, ...]]:
    """Median seconds of a training step with front end and augmentation, and the first losses."""
    seed = derive_seed(job.root_seed, "calibration")
    job.compute.use()
    stopwatch = _Stopwatch(channel, job.limit, job.short)
    material, recipe = context.material(job.material), job.recipe
    enough = np.resize(job.rows, (ENOUGH_STEPS + 2) * recipe.batch_size)
    with torch.random.fork_rng():
        network, _ = build_network(
            recipe,
            context.plugins,
            len(material.manifest.emotions),
            material.weights_files,
            job.configuration.head,
            seed,
        )
        job.compute.arrange_filters(network.to(pick_device()))
        with suppress(_Enough):
            train(
                network,
                frozen(recipe, context.plugins, network, job.configuration.freeze_depth),
                material.clips,
                material.manifest.targets,
                enough,
                job.rows[:1],  # never read: the first epoch does not end
                regime_of(recipe, context.plugins, job.configuration, seed),
                stopwatch,
                job.compute,
            )
    return statistics.median(stopwatch.seconds), tuple(stopwatch.losses)
