"""The runtime ``openvino``: exported networks in OpenVINO, with 32-bit numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from serbench import hookimpl
from serbench.errors import ExportError, MissingPackageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.onnx_graph import COLUMNS, IMAGE, LOGITS, graphs_of, split
from serbench.model.runtime import FRONT_END, NETWORK, Runtime

Inputs = dict[str, npt.NDArray[Any]]


def openvino() -> Any:
    """The package.

    Raises:
        MissingPackageError: it is not installed, or cannot be imported.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingPackageError(
            "runtime openvino needs the package openvino: pip install openvino",
            package="openvino",
        ) from error
    return openvino


def compiled(file: bytes, threads: int) -> Any:
    """An ONNX graph, compiled for the processor.

    The precision is set: on processors with bf16 OpenVINO would choose that by itself, and the
    logits would no longer be those of the network.

    Raises:
        ExportError: OpenVINO cannot compile it.
        MissingPackageError: OpenVINO is not installed.
    """
    core = openvino().Core()
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        return core.compile_model(core.read_model(file), "CPU", options)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ExportError(
            f"OpenVINO cannot compile the network ({reason}): use --runtime onnx", reason=reason
        ) from error


class OpenVinoNetwork:
    """A network in OpenVINO.

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
        self._request = compiled(file, threads).create_infer_request()

    def __call__(self, recording: Recording) -> npt.NDArray[np.float32]:
        """Logits ``[1, n_classes]``."""
        found = self._request.infer(self._inputs(recording))
        logits: npt.NDArray[np.float32] = np.array(found[LOGITS])
        return logits

    def parts(self, recording: Recording) -> Mapping[str, Callable[[], object]]:
        """Front end, and backbone with head, each as a graph of its own."""
        parts, outer = split(self.file), self._inputs(recording)
        last = compiled(parts.network.SerializeToString(), self._threads).create_infer_request()
        if parts.front_end is None:
            return {
                FRONT_END: lambda: self._inputs(recording),
                NETWORK: lambda: last.infer(outer),
            }
        names = [each.name for each in parts.front_end.graph.output]
        first = compiled(parts.front_end.SerializeToString(), self._threads).create_infer_request()
        found = first.infer(outer)
        inner = {name: np.array(found[name]) for name in names}
        return {FRONT_END: lambda: first.infer(outer), NETWORK: lambda: last.infer(inner)}

    def _inputs(self, recording: Recording) -> Inputs:
        if self.network.begins_with_waveform:
            return {name: part.numpy() for name, part in recording._asdict().items()}
        with torch.inference_mode():
            image, columns = self.network.images(*recording)
        found = {IMAGE: image.contiguous().numpy()}
        return found if columns is None else {**found, COLUMNS: columns.numpy()}


@dataclass(frozen=True)
class OpenVino:
    """Runs exported networks in OpenVINO on the processor."""

    name: str = "openvino"
    changes_logits: bool = False
    makes_files: bool = True

    @property
    def identity(self) -> Mapping[str, str]:
        """OpenVINO's version, and the precision fp32."""
        openvino()
        return {"precision": "fp32", "version": version("openvino")}

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> OpenVinoNetwork:
        """The exported network, compiled."""
        file = file or graphs_of(network).joined().SerializeToString()
        return OpenVinoNetwork(network, file, threads)


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``openvino``."""
    register(OpenVino())
