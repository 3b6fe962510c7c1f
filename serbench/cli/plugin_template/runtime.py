"""Runtime ``$name``: an exported graph, to be replaced by your own runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from serbench import hookimpl
from serbench.model.deployable import Deployable, Recording
from serbench.model.runtime import Runtime


@dataclass(frozen=True, eq=False)
class Exported:
    """A network as one graph of PyTorch operations."""

    call: Any
    file: bytes | None = None

    def __call__(self, recording: Recording) -> npt.NDArray[np.float32]:
        """Logits ``[1, n_classes]``."""
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.call(*recording).logits.numpy()
        return logits

    def parts(self, recording: Recording) -> Mapping[str, Callable[[], object]]:
        """No parts, since the whole network is one graph."""
        return {}


@dataclass(frozen=True)
class Graph:
    """``torch.export``, run by PyTorch."""

    name: str = "$name"
    changes_logits: bool = False
    makes_files: bool = False

    @property
    def identity(self) -> Mapping[str, str]:
        """PyTorch's version, in full precision."""
        return {"precision": "fp32", "version": str(torch.__version__)}

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> Exported:
        """The exported graph of a network."""
        torch.set_num_threads(threads)
        return Exported(torch.export.export(network.eval(), network.recording()).module())


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``$name``."""
    register(Graph())
