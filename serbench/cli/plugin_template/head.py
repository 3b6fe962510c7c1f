"""Head ``$name``: a hidden layer, to be replaced by your own head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import Arrays, Head, HeadContext, arrays_of
from serbench.model.ranges import Range

HIDDEN = 32
STEPS = 300


@dataclass(frozen=True, eq=False)
class FittedHidden:
    """The network after fitting."""

    network: nn.Module

    @property
    def arrays(self) -> Arrays:
        """The arrays of its state, by name."""
        return arrays_of(self.network)

    def logits(
        self, features: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """Logits ``[n, n_classes]`` of pooled vectors ``[n, D]``."""
        with torch.inference_mode():
            answers: npt.NDArray[np.float32] = self.network(torch.from_numpy(features)).numpy()
        return answers

    def module(self) -> nn.Module:
        """The network."""
        return self.network


@dataclass(frozen=True)
class Hidden:
    """One hidden layer of 32 units."""

    name: str = "$name"
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """A new network; it cannot start from a linear layer."""
        return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_classes))

    def fit(
        self,
        features: npt.NDArray[np.float32],
        lengths: npt.NDArray[np.int64] | None,
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> FittedHidden:
        """Fit pooled vectors ``[n, D]`` by Adam, with all vectors in every step."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            network = self.module(features.shape[1], context.n_classes, None, {})
        vectors, codes = torch.from_numpy(features), torch.from_numpy(targets)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(network(vectors), codes))
            optimizer.step()
        return FittedHidden(network.requires_grad_(False))


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``$name``."""
    register(Hidden())
