"""One linear layer: the usual last layer of a classifier."""

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

DECAY = 1e-4
"""Factor of the squared weights in the objective; with it the fit is unique for separable
features."""


@dataclass(frozen=True, eq=False)
class FittedLinear:
    """A linear layer that was fitted on frozen features."""

    layer: nn.Linear

    @property
    def arrays(self) -> Arrays:
        """``weight`` ``[n_classes, D]`` and ``bias`` ``[n_classes]``."""
        return arrays_of(self.layer)

    def logits(
        self, features: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """Logits ``[n, n_classes]`` of pooled vectors ``[n, D]``."""
        with torch.inference_mode():
            answers: npt.NDArray[np.float32] = self.layer(torch.from_numpy(features)).numpy()
        return answers

    def module(self) -> nn.Module:
        """The layer."""
        return self.layer


@dataclass(frozen=True)
class LinearHead:
    """A linear layer, trained together with the backbone or fitted by L-BFGS on its features."""

    name: str = "linear"
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """The last layer of the network, or a new one with random weights.

        No random number is drawn where the network has a last layer.
        """
        if start is None:
            return nn.Linear(width, n_classes)
        layer = _uninitialised(width, n_classes)
        layer.load_state_dict(dict(start))
        return layer

    def fit(
        self,
        features: npt.NDArray[np.float32],
        lengths: npt.NDArray[np.int64] | None,
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> FittedLinear:
        """Multinomial logistic regression on pooled vectors ``[n, D]``, from zero weights."""
        layer = _uninitialised(features.shape[1], context.n_classes)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        vectors, codes = torch.from_numpy(features), torch.from_numpy(targets)
        optimizer = torch.optim.LBFGS(
            layer.parameters(), max_iter=200, line_search_fn="strong_wolfe"
        )

        def loss() -> float:
            optimizer.zero_grad()
            found = F.cross_entropy(layer(vectors), codes) + DECAY * layer.weight.square().sum()
            torch.autograd.backward(found)
            return float(found.detach())

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        return FittedLinear(layer.requires_grad_(False))


def _uninitialised(width: int, n_classes: int) -> nn.Linear:
    """A layer whose weights are not initialised."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, n_classes)  # type: ignore[no-untyped-call]
    return layer


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``linear``."""
    register(LinearHead())
