"""Head ``$name``: a hidden layer, to be replaced by your own head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import Arrays, Head, TrainedHead, load_arrays
from serbench.model.ranges import Range

HIDDEN = 32


@dataclass(frozen=True)
class Hidden(TrainedHead):
    """One hidden layer of 32 units, trained by gradient descent together with the backbone.

    A head that is fitted on the features of a frozen backbone has ``is_fitted`` true and a method
    ``fit`` instead; ``serbench.model.head.Head`` describes it.
    """

    name: str = "$name"
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """Two layers with random weights; they cannot start from one linear layer."""
        return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_classes))

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The layers with these arrays."""
        return load_arrays(self.module(width, n_classes, None, {}), arrays)


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``$name``."""
    register(Hidden())
