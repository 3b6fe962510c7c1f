"""A hidden layer between features and logits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import Arrays, Head, TrainedHead, load_arrays
from serbench.model.ranges import Range

HIDDEN = Range(16, 512, 128, log=True)
"""Number of hidden units; it is rounded."""

DROPOUT = Range(0.0, 0.7, 0.2)
"""Share of hidden units that are set to 0 in training."""


@dataclass(frozen=True)
class MlpHead(TrainedHead):
    """One hidden layer with ReLU and dropout on standardised features."""

    name: str = "mlp"
    ranges: Mapping[str, Range] = field(
        default_factory=lambda: {"hidden": HIDDEN, "dropout": DROPOUT}
    )

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """Two layers with random weights; they cannot start from one linear layer."""
        hidden = round(parameters.get("hidden", HIDDEN.initial))
        return _network(width, hidden, n_classes, parameters.get("dropout", DROPOUT.initial))

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The network with the layers ``hidden`` and ``output``, and without dropout."""
        hidden = np.size(arrays.get("hidden.bias", 0))
        return load_arrays(_network(width, hidden, n_classes, 0.0), arrays)


def _network(width: int, hidden: int, n_classes: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            # Features of speech encoders differ in their size by orders of magnitude.
            standardised=nn.BatchNorm1d(width, affine=False),
            hidden=nn.Linear(width, hidden),
            activation=nn.ReLU(),
            dropout=nn.Dropout(dropout),
            output=nn.Linear(hidden, n_classes),
        )
    )


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``mlp``."""
    register(MlpHead())
