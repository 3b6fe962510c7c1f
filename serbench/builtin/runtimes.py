"""The runtime ``eager``: PyTorch, as in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.network import EmotionNetwork
from serbench.model.runtime import Runtime


@dataclass(frozen=True, eq=False)
class EagerNetwork:
    """A network that PyTorch executes operation by operation."""

    network: EmotionNetwork

    def __call__(self, waveforms: Tensor) -> npt.NDArray[np.float32]:
        """Logits ``[B, n_classes]``."""
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.network(waveforms).numpy()
        return logits

    def parts(self, waveforms: Tensor) -> Mapping[str, Callable[[], object]]:
        """Front end, and backbone with head."""
        with torch.inference_mode():
            image = self.network.front_end(waveforms)
        inference = torch.inference_mode()
        return {
            "front_end": inference(lambda: self.network.front_end(waveforms)),
            "network": inference(lambda: self.network.classify(image)),
        }


@dataclass(frozen=True)
class Eager:
    """Runs networks as they were trained, without conversion."""

    name: str = "eager"

    @property
    def identity(self) -> Mapping[str, str]:
        """PyTorch's version, and the precision fp32."""
        return {"precision": "fp32", "version": str(torch.__version__)}

    def prepare(
        self, network: EmotionNetwork, example: Tensor, calibration_clips: Sequence[Tensor]
    ) -> EagerNetwork:
        """The network itself, in evaluation mode."""
        network.eval()
        return EagerNetwork(network)


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``eager``."""
    register(Eager())
