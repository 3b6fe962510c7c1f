"""Runtimes, which execute trained networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from serbench.model.deployable import Deployable, Recording

FRONT_END, NETWORK = "front_end", "network"
"""Names of the parts of a network that are timed separately."""


class Runnable(Protocol):
    """A network in one runtime."""

    def __call__(self, recording: Recording) -> npt.NDArray[np.float32]:
        """Logits ``[1, n_classes]`` of a recording."""

    def parts(self, recording: Recording) -> Mapping[str, Callable[[], object]]:
        """Functions that execute its parts, so that these can be timed separately.

        The names are ``front_end``, from the recording to the image, and ``network``, from there to
        the probabilities; empty where the runtime has no such parts.
        """

    @property
    def file(self) -> bytes | None:
        """The network as an ONNX file, if this is what the runtime executes."""


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

        Raises:
            MissingPackageError: the library is not installed.
        """

    @property
    def changes_logits(self) -> bool:
        """Whether its logits may differ by more than rounding, as those of fewer bits do.

        Such a runtime is scored on the tested clips, and has a UA of its own.
        """

    @property
    def makes_files(self) -> bool:
        """Whether it executes an ONNX file, which can be exported."""

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> Runnable:
        """A trained network in this runtime.

        Args:
            network: in evaluation mode.
            calibration: recordings of training clips, for runtimes that choose number formats with
                them; may be empty for others.
            threads: number of threads for one recording.
            file: the `Runnable.file` of this network that an earlier call has made, so that it is
                not converted again; without effect for runtimes that execute no file.

        Raises:
            ExportError: the runtime cannot execute the network.
            MissingPackageError: a package that it needs is not installed.
            UsageError: it needs calibration recordings.
        """
