"""One linear layer: the usual last layer of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import Arrays, Head, TrainedHead, load_arrays
from serbench.model.ranges import Range


@dataclass(frozen=True)
class LinearHead(TrainedHead):
    """A linear layer, trained by gradient descent."""

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
        layer = uninitialised(width, n_classes)
        layer.load_state_dict(dict(start))
        return layer

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The layer with ``weight`` ``[n_classes, width]`` and ``bias`` ``[n_classes]``."""
        return load_arrays(uninitialised(width, n_classes), arrays)


def uninitialised(width: int, n_classes: int) -> nn.Linear:
    """A layer whose weights are not initialised."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, n_classes)  # type: ignore[no-untyped-call]
    return layer


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``linear``."""
    register(LinearHead())
