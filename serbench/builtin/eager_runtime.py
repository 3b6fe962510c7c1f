"""The runtime ``eager``: PyTorch, as in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from serbench import hookimpl
from serbench.model.deployable import Deployable, Recording
from serbench.model.runtime import FRONT_END, NETWORK, Runtime


@dataclass(frozen=True, eq=False)
class EagerNetwork:
    """A network that PyTorch executes operation by operation."""

    network: Deployable
    file: bytes | None = None

    def __call__(self, recording: Recording) -> npt.NDArray[np.float32]:
        """Logits ``[1, n_classes]``."""
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.network(*recording).logits.numpy()
        return logits

    def parts(self, recording: Recording) -> Mapping[str, Callable[[], object]]:
        """Front end, and backbone with head."""
        with torch.inference_mode():
            inner = self.network.images(*recording)
        inference = torch.inference_mode()
        return {
            FRONT_END: inference(lambda: self.network.images(*recording)),
            NETWORK: inference(lambda: self.network.answer(*inner)),
        }


@dataclass(frozen=True)
class Eager:
    """Runs networks as they were trained, without conversion."""

    name: str = "eager"
    changes_logits: bool = False
    makes_files: bool = False

    @property
    def identity(self) -> Mapping[str, str]:
        """PyTorch's version, and the precision fp32."""
        return {"precision": "fp32", "version": str(torch.__version__)}

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> EagerNetwork:
        """The network itself, in evaluation mode."""
        torch.set_num_threads(threads)
        return EagerNetwork(network.eval())


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``eager``."""
    register(Eager())
