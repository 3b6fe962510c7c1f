"""Heads: features → logits, trained together with the backbone or fitted on frozen features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from serbench.model.ranges import Range

if TYPE_CHECKING:
    from torch import Tensor, nn

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class HeadContext:
    """Arguments of fitting a head other than the features.

    Attributes:
        n_classes: number of emotions.
        seed: seed of all random numbers.
        parameters: name of a searched parameter → value.
    """

    n_classes: int
    seed: int = 0
    parameters: Mapping[str, float] = field(default_factory=dict)


class FittedHead(Protocol):
    """A head after fitting."""

    @property
    def arrays(self) -> Arrays:
        """Its state by name."""

    def logits(
        self, features: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """Logits ``[n, n_classes]`` of features like those it was fitted on."""

    def module(self) -> nn.Module | None:
        """The same function as a torch module, features ``[B, D]`` → logits, or None."""


class Head(Protocol):
    """The interface of a head plugin."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Ranges of the parameters that a study searches, by name."""

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module | None:
        """A module that is trained together with a backbone by gradient descent.

        Args:
            width: size of its input vectors ``[B, width]``.
            n_classes: number of emotions.
            start: ``weight`` and ``bias`` of a linear layer to start from, or None.
            parameters: name of a searched parameter → value.

        Returns:
            The module, or None where this head can only be fitted on frozen features.
        """

    def fit(
        self,
        features: npt.NDArray[np.float32],
        lengths: npt.NDArray[np.int64] | None,
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> FittedHead:
        """The head fitted on frozen features.

        Args:
            features: pooled vectors ``[n, D]``, or frames ``[n, T, D]``.
            lengths: frames of each clip that are not padding ``[n]``, or None for all.
            targets: emotion codes ``[n]``.
            context: number of classes, seed and searched parameters.
        """


def arrays_of(module: nn.Module) -> dict[str, npt.NDArray[np.generic]]:
    """A module's parameters and buffers as contiguous arrays on the CPU."""
    found: dict[str, Any] = {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in module.state_dict().items()
    }
    return found
