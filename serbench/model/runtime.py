"""Runtimes, which execute trained networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from serbench.model.network import EmotionNetwork


class Runnable(Protocol):
    """A network in one runtime."""

    def __call__(self, waveforms: Tensor) -> npt.NDArray[np.float32]:
        """Logits ``[B, n_classes]`` of waveforms ``[B, samples]``."""

    def parts(self, waveforms: Tensor) -> Mapping[str, Callable[[], object]]:
        """Functions that execute its parts, so that these can be timed separately.

        The names are ``front_end`` and ``network``; empty where the runtime has no such parts.
        """


class Runtime(Protocol):
    """The interface of a runtime plugin."""

    @property
    def name(self) -> str:
        """Name in results."""

    @property
    def identity(self) -> Mapping[str, str]:
        """``precision``, and the ``version`` of the library that runs networks.

        Times with different precisions or versions are not compared. The identity is known before a
        network is prepared, so that a measurement that exists already is not repeated.
        """

    def prepare(
        self, network: EmotionNetwork, example: Tensor, calibration_clips: Sequence[Tensor]
    ) -> Runnable:
        """A trained network in this runtime.

        Args:
            network: in evaluation mode.
            example: waveforms ``[1, samples]``.
            calibration_clips: waveforms of training clips ``[1, samples]``, for runtimes that
                choose number formats with them; may be empty.

        Raises:
            SerbenchError: the runtime cannot run the network.
        """
