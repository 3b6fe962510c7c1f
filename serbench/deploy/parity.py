"""Whether a runtime gives the logits of PyTorch: converters compile some operations wrongly."""

from __future__ import annotations

import numpy as np
import torch

from serbench.errors import ExportError
from serbench.model.deployable import Deployable, Recording
from serbench.model.runtime import Runnable

PARITY = 1e-4
"""Difference of a logit that rounding explains; it grows with the largest logit from 1 on."""


def checks(network: Deployable) -> list[Recording]:
    """Recordings for comparing a runtime with PyTorch: noise, tones, a short one, and silence."""
    samples = network.input_samples
    generator = torch.Generator().manual_seed(1)
    seconds = torch.arange(samples) / network.input_rate
    sounds = [
        0.1 * torch.randn(samples, generator=generator),
        0.5 * torch.sin(2 * torch.pi * 220 * seconds * (1 + seconds)),
        0.001 * torch.sin(2 * torch.pi * 150 * seconds) * torch.sin(2 * torch.pi * 3 * seconds),
        torch.zeros(samples),
    ]
    whole = [network.recording(sound) for sound in sounds]
    short = torch.tensor([samples // 3])
    return [*whole, *(each._replace(valid_samples=short) for each in whole[:2])]


def difference(network: Deployable, runnable: Runnable) -> tuple[float, float]:
    """The largest difference of a logit from PyTorch, and the largest logit, on these recordings.

    The difference is not a number where the runtime gives NaN.
    """
    checked = checks(network)
    found = np.concatenate([runnable(each) for each in checked])
    with torch.inference_mode():
        expected = np.concatenate([network(*each).logits.numpy() for each in checked])
    return float(np.abs(found - expected).max()), float(np.abs(expected).max())


def require_parity(network: Deployable, runnable: Runnable, runtime: str, entry: int) -> None:
    """Refuse a runtime that gives other logits than PyTorch.

    Args:
        network: the network of an entry.
        runnable: the same network in a runtime.
        runtime: name of the runtime.
        entry: number of the entry.

    Raises:
        ExportError: the difference is above 1e-4, or above 1e-4 of the largest logit where that is
            above 1.
    """
    largest, logit = difference(network, runnable)
    if not largest <= PARITY * max(1.0, logit):  # also for NaN
        raise ExportError(
            f"runtime {runtime} gives other logits than PyTorch for entry {entry} (by "
            f"{largest:.2g}): an operation was converted wrongly; use another runtime, backbone or "
            "front end, and report it with this sentence",
            entry=entry,
            runtime=runtime,
            difference=largest,
        )
