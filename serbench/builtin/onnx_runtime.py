"""The runtime ``onnx``: ONNX Runtime, with 32-bit numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from serbench import hookimpl
from serbench.errors import MissingPackageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.onnx_graph import (
    COLUMNS,
    IMAGE,
    LOGITS,
    VALID_SAMPLES,
    WAVEFORM,
    graphs_of,
    split,
)
from serbench.model.runtime import FRONT_END, NETWORK, Runtime

if TYPE_CHECKING:
    import onnx

Inputs = dict[str, npt.NDArray[Any]]

WARNINGS_AND_ABOVE = 3
"""ONNX Runtime's level of messages: errors only."""


def onnxruntime() -> Any:
    """The package.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "runtime onnx needs the package onnxruntime: pip install 'serbench[onnx]'",
            package="onnxruntime",
        ) from error
    return onnxruntime


def session(model: onnx.ModelProto | bytes, threads: int) -> Any:
    """A graph, optimised, in ONNX Runtime on the CPU."""
    library = onnxruntime()
    options = library.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = WARNINGS_AND_ABOVE
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return library.InferenceSession(data, options, providers=["CPUExecutionProvider"])


class OnnxNetwork:
    """A network in ONNX Runtime.

    Where the front end is outside of the file, PyTorch computes the image.

    Args:
        network: the network in PyTorch.
        file: the exported network.
        threads: number of threads.
    """

    def __init__(self, network: Deployable, file: bytes, threads: int) -> None:
        self.network = network
        self.file = file
        self._threads = threads
        self._session = session(file, threads)

    def __call__(self, recording: Recording) -> npt.NDArray[np.float32]:
        """Logits ``[1, n_classes]``."""
        logits: npt.NDArray[np.float32] = self._session.run([LOGITS], self._inputs(recording))[0]
        return logits

    def parts(self, recording: Recording) -> Mapping[str, Callable[[], object]]:
        """Front end, and backbone with head, each as a graph of its own."""
        parts = split(self.file)
        network, outer = session(parts.network, self._threads), self._inputs(recording)
        if parts.front_end is None:
            return {
                FRONT_END: lambda: self._inputs(recording),
                NETWORK: lambda: network.run(None, outer),
            }
        front_end = session(parts.front_end, self._threads)
        [inner] = images(front_end, [recording])
        return {
            FRONT_END: lambda: front_end.run(None, outer),
            NETWORK: lambda: network.run(None, inner),
        }

    def _inputs(self, recording: Recording) -> Inputs:
        """The inputs of the file."""
        if self.network.begins_with_waveform:
            return named(recording)
        return image_of(self.network, recording)


def image_of(network: Deployable, recording: Recording) -> Inputs:
    """The image of a recording, computed by PyTorch, as the inputs of an exported network."""
    with torch.inference_mode():
        image, columns = network.images(*recording)
    found = {IMAGE: image.contiguous().numpy()}
    return found if columns is None else {**found, COLUMNS: columns.numpy()}


def images(front_end: Any, recordings: Sequence[Recording]) -> list[Inputs]:
    """What the session of a front end gives for recordings: the inputs of the network."""
    names = [output.name for output in front_end.get_outputs()]
    return [dict(zip(names, front_end.run(None, named(each)), strict=True)) for each in recordings]


def named(recording: Recording) -> Inputs:
    """A recording as the inputs of an exported file."""
    return {
        WAVEFORM: recording.waveform.numpy(),
        VALID_SAMPLES: recording.valid_samples.numpy(),
    }


@dataclass(frozen=True)
class OnnxRuntime:
    """Runs networks as exported graphs, with the precision of their weights."""

    name: str = "onnx"
    changes_logits: bool = False
    makes_files: bool = True

    @property
    def identity(self) -> Mapping[str, str]:
        """ONNX Runtime's version, and the precision fp32."""
        return {"precision": "fp32", "version": str(onnxruntime().__version__)}

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> OnnxNetwork:
        """The exported network."""
        onnxruntime()
        file = file or graphs_of(network).joined().SerializeToString()
        return OnnxNetwork(network, file, threads)


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``onnx``."""
    register(OnnxRuntime())
