"""Runtime ``$name``: an exported graph, to be replaced by your own runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench import hookimpl
from serbench.model.network import EmotionNetwork
from serbench.model.runtime import Runtime


@dataclass(frozen=True, eq=False)
class Exported:
    """A network as one graph of PyTorch operations."""

    call: Any

    def __call__(self, waveforms: Tensor) -> npt.NDArray[np.float32]:
        """Logits ``[B, n_classes]``."""
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.call(waveforms).numpy()
        return logits

    def parts(self, waveforms: Tensor) -> Mapping[str, Callable[[], object]]:
        """No parts, since the whole network is one graph."""
        return {}


@dataclass(frozen=True)
class Graph:
    """``torch.export``, run by PyTorch."""

    name: str = "$name"

    @property
    def identity(self) -> Mapping[str, str]:
        """PyTorch's version, in full precision."""
        return {"precision": "fp32", "version": str(torch.__version__)}

    def prepare(
        self, network: EmotionNetwork, example: Tensor, calibration_clips: Sequence[Tensor]
    ) -> Exported:
        """The exported graph of a network, for waveforms with the shape of the example."""
        return Exported(torch.export.export(network.eval(), (example,)).module())


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``$name``."""
    register(Graph())
