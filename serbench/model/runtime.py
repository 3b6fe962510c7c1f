"""Runtimes: ways to run a trained network where it is shipped."""

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
        """Its parts, each with what it needs at hand, to be timed on their own.

        ``front_end`` and ``network``; empty where the runtime has no such parts.
        """


class Runtime(Protocol):
    """What a runtime plugin registers."""

    @property
    def name(self) -> str:
        """As it stands in results."""

    @property
    def identity(self) -> Mapping[str, str]:
        """``precision``, and the ``version`` of the library that runs networks.

        Times of two precisions or two versions are not compared. What is known before a network
        is prepared tells whether it was measured so already.
        """

    def prepare(
        self, network: EmotionNetwork, example: Tensor, calibration_clips: Sequence[Tensor]
    ) -> Runnable:
        """A trained network made ready to run.

        Args:
            network: in evaluation mode.
            example: waveforms ``[1, samples]``.
            calibration_clips: waveforms of training clips ``[1, samples]``, for runtimes that
                choose number formats by them; may be empty.

        Raises:
            SerbenchError: the network cannot run there.
        """
