"""Heads: features → logits, trained together with the backbone or fitted on frozen features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from serbench.errors import DivergedError, PluginError
from serbench.model.ranges import Range

if TYPE_CHECKING:
    from torch import Tensor, nn

Arrays = Mapping[str, npt.NDArray[np.generic]]

ABSENT = 30.0
"""How far the logit of an emotion without a training clip lies below the largest one, at least: its
probability is then less than 1e-13."""


@dataclass(frozen=True)
class HeadContext:
    """Arguments of fitting a head other than the features.

    Attributes:
        n_classes: number of emotions.
        speakers: number of the speaker of each clip ``[n]``, for heads that divide the clips.
        seed: seed of all random numbers.
        parameters: name of a searched parameter → value.
        copies: number of rows of each clip: the clean clip and its augmented views. The strength of
            a penalty should not depend on it.
    """

    n_classes: int
    speakers: npt.NDArray[np.int64]
    seed: int = 0
    parameters: Mapping[str, float] = field(default_factory=dict)
    copies: int = 1


class Head(Protocol):
    """The interface of a head plugin.

    The modules of a head map vectors ``[B, D]`` to logits ``[B, n_classes]``. Those of a head that
    takes frames are called with frames ``[B, T, D]`` and the number of frames of each clip that are
    not padding ``[B]``, or None for all. Parameters and buffers are the whole state of a module.
    """

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Ranges of the parameters that a study searches, by name."""

    @property
    def is_fitted(self) -> bool:
        """Whether it is fitted on the features of a frozen backbone.

        Such a head has no epochs and no schedule. All others are trained by gradient descent,
        together with the stages of the backbone that are not frozen.
        """

    @property
    def takes_frames(self) -> bool:
        """Whether its input are frames instead of vectors."""

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """A module with random weights, for training and for measuring the latency.

        Args:
            width: size D of its input vectors.
            n_classes: number of emotions.
            start: ``weight`` and ``bias`` of a linear layer to start from, or None.
            parameters: name of a searched parameter → value; by default the initial values.
        """

    def fit(
        self,
        features: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> nn.Module:
        """A module that is fitted on vectors of a frozen backbone.

        It is called only where ``is_fitted`` is true.

        Args:
            features: vectors ``[n, D]``.
            targets: emotion codes ``[n]``.
            context: number of classes, speakers, seed and searched parameters. An emotion may have
                no clip; its logit is then finite and lower than the largest one by ``ABSENT``.

        Raises:
            DivergedError: a feature is NaN or infinite.
        """

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The module with these arrays, which are those of its state dict, by name.

        Args:
            width: size D of its input vectors.
            n_classes: number of emotions.
            arrays: the arrays.

        Raises:
            WeightsError: the arrays do not fit.
        """


class TrainedHead:
    """Base class of heads that are trained by gradient descent and take vectors."""

    is_fitted: bool = False
    takes_frames: bool = False

    def fit(
        self,
        features: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> nn.Module:
        """It is never fitted.

        Raises:
            PluginError: always.
        """
        raise PluginError(
            f"{type(self).__name__} is trained by gradient descent and cannot be fitted",
            head=type(self).__name__,
        )


def require_finite_features(features: npt.NDArray[np.float32]) -> None:
    """Refuse vectors that no head can be fitted on.

    Raises:
        DivergedError: a value is NaN or infinite.
    """
    wrong = int((~np.isfinite(features).all(axis=1)).sum())
    if wrong:
        raise DivergedError(
            f"the backbone gives NaN or infinite features for {wrong} of {len(features)} clips, so "
            "no head can be fitted on them: give other weights, another read-out or another front "
            "end",
            clips=wrong,
        )


def load_arrays(module: nn.Module, arrays: Arrays) -> nn.Module:
    """A module with its parameters and buffers replaced by arrays.

    Raises:
        WeightsError: names or shapes differ.
    """
    import torch

    from serbench.model.weights import load_exactly

    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    load_exactly(module, tensors, "the head's arrays")
    return module


def arrays_of(module: nn.Module) -> dict[str, npt.NDArray[np.generic]]:
    """A module's parameters and buffers as contiguous arrays on the CPU."""
    found: dict[str, Any] = {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in module.state_dict().items()
    }
    return found
