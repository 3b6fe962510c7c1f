"""The runtime ``onnx-int8``: ONNX Runtime, with weights and products of 8 bits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from serbench import hookimpl
from serbench.builtin.onnx_runtime import (
    Inputs,
    OnnxNetwork,
    image_of,
    images,
    onnxruntime,
    session,
)
from serbench.errors import ExportError, UsageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.onnx_graph import FEATURES, LOGITS, Graphs, graphs_of
from serbench.model.runtime import Runtime

if TYPE_CHECKING:
    import onnx

MOST_CLIPS = 64
"""Recordings that are used for calibration, at most."""

CONVOLUTION, PRODUCTS = "Conv", ("MatMul", "Gemm")


@dataclass(frozen=True)
class Recipe:
    """How a graph is quantised.

    Attributes:
        static: whether activations have fixed ranges, measured on the calibration recordings
            (for convolutions); otherwise each is measured when it is used (for matrix products).
        per_channel: whether each output channel of a weight has its own scale; otherwise there is
            one scale for the whole weight.
        every_operator: whether the operators between convolutions are quantised, too, with all
            convolutions. Otherwise only convolutions of whole images are: those of squeeze-excite
            blocks, which process one value per channel, keep 32 bits.
    """

    static: bool
    per_channel: bool
    every_operator: bool = False


STATIC = tuple(Recipe(True, channel, every) for channel in (True, False) for every in (True, False))
DYNAMIC = tuple(Recipe(False, channel) for channel in (True, False))


def quantised(network: onnx.ModelProto, inputs: Sequence[Inputs]) -> onnx.ModelProto:
    """A graph with 8-bit weights, by the recipe that changes its answers least.

    The recipes are static ones where most weights belong to convolutions, and dynamic ones
    otherwise. The error of a recipe is the mean Kullback-Leibler divergence of its probabilities
    from those of the graph with 32 bits. The head keeps 32 bits: it is small, and a scale that a
    logistic regression has learnt spans many orders of magnitude.

    Args:
        network: the graph.
        inputs: its inputs for the calibration recordings.

    Raises:
        ExportError: it has no layer that can be quantised, or all answers of all recipes are NaN.
    """
    with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
        source = _prepared(network, Path(folder))
        prepared = _loaded(source)
        expected = _logits(prepared, inputs)
        recipes = STATIC if _is_convolutional(prepared) else DYNAMIC
        tried = []
        for place, recipe in enumerate(recipes):
            path = Path(folder) / f"{place}.onnx"
            _quantise(source, prepared, path, recipe, inputs)
            model = _loaded(path)
            found = _logits(model, inputs)
            if np.isfinite(found).all():
                tried.append((_divergence(expected, found), place, model))
    if not tried:
        raise ExportError("all logits of the network with 8 bits are NaN: use --precision fp32")
    return min(tried, key=lambda each: each[:2])[2]


def _prepared(network: onnx.ModelProto, folder: Path) -> Path:
    """The file of the graph with all shapes, and with batch norms inside of convolutions."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain, path = folder / "plain.onnx", folder / "prepared.onnx"
    plain.write_bytes(network.SerializeToString())
    quant_pre_process(plain, path, skip_symbolic_shape=True)
    return path


def _is_convolutional(network: onnx.ModelProto) -> bool:
    """Whether most weights belong to convolutions.

    Raises:
        ExportError: it has neither a convolution nor a matrix product with weights.
    """
    sizes = {each.name: int(np.prod(each.dims)) for each in network.graph.initializer}
    head = _head(network)
    of_kind = {CONVOLUTION: 0, "product": 0}
    for node in network.graph.node:
        if node.op_type == CONVOLUTION or (node.op_type in PRODUCTS and node.name not in head):
            kind = CONVOLUTION if node.op_type == CONVOLUTION else "product"
            of_kind[kind] += sum(sizes.get(name, 0) for name in node.input)
    if not any(of_kind.values()):
        raise ExportError(
            "the network has no convolution and no matrix product before its head, so that nothing "
            "can be quantised: use --precision fp32"
        )
    return of_kind[CONVOLUTION] > of_kind["product"]


def _head(network: onnx.ModelProto) -> list[str]:
    """Names of the nodes of the head: those that depend on the features of the clip.

    The quantiser first replaces each Gemm by a MatMul of another name, which is named too.
    A head that receives frames cannot be told apart, and is quantised with the rest.
    """
    after, names = {FEATURES}, []
    for node in network.graph.node:  # in the order of execution
        if after.intersection(node.input):
            after.update(node.output)
            names += [node.name, f"{node.name}_MatMul"]
    return names


def _quantise(
    source: Path, network: onnx.ModelProto, path: Path, recipe: Recipe, inputs: Sequence[Inputs]
) -> None:
    """Write the graph of the file ``source``, which is ``network``, with 8-bit weights."""
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

    kept = _head(network)
    silent = logging.getLogger()
    level = silent.level
    silent.setLevel(logging.ERROR)  # the package logs advice to the root logger
    try:
        if not recipe.static:
            quantize_dynamic(
                source,
                path,
                op_types_to_quantize=["MatMul"],
                per_channel=recipe.per_channel,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=kept,
            )
            return
        if not recipe.every_operator:
            kept += _single_values(network)
        quantize_static(
            source,
            path,
            _Reader(inputs),
            op_types_to_quantize=None if recipe.every_operator else [CONVOLUTION],
            per_channel=recipe.per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
    finally:
        silent.setLevel(level)


def _single_values(network: onnx.ModelProto) -> list[str]:
    """Names of the convolutions whose input has one value per channel."""
    shapes = {
        value.name: [each.dim_value for each in value.type.tensor_type.shape.dim]
        for value in network.graph.value_info
    }
    return [
        node.name
        for node in network.graph.node
        if node.op_type == CONVOLUTION and set(shapes.get(node.input[0], [])[2:]) == {1}
    ]


class _Reader:
    """The calibration recordings, one by one."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self._inputs: Iterator[Inputs] = iter(inputs)

    def get_next(self) -> Inputs | None:
        return next(self._inputs, None)

    def __iter__(self) -> Iterator[Inputs]:
        return self._inputs


def _loaded(path: Path) -> onnx.ModelProto:
    import onnx

    return onnx.load(path)


def _logits(network: onnx.ModelProto, inputs: Sequence[Inputs]) -> npt.NDArray[np.float32]:
    running = session(network, threads=1)
    return np.concatenate([running.run([LOGITS], each)[0] for each in inputs])


def _divergence(expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> float:
    wanted, given = (log_softmax(each.astype(np.float64), axis=1) for each in (expected, found))
    return float((np.exp(wanted) * (wanted - given)).sum(axis=1).mean())


@dataclass(frozen=True)
class OnnxInt8:
    """Runs networks with 8-bit products; scales are chosen on recordings of training clips."""

    name: str = "onnx-int8"
    changes_logits: bool = True
    makes_files: bool = True

    @property
    def identity(self) -> Mapping[str, str]:
        """ONNX Runtime's version, and the precision int8."""
        return {"precision": "int8", "version": str(onnxruntime().__version__)}

    def prepare(
        self,
        network: Deployable,
        calibration: Sequence[Recording],
        threads: int,
        file: bytes | None = None,
    ) -> OnnxNetwork:
        """The exported network, quantised behind its front end.

        Raises:
            UsageError: there is no calibration recording.
            ExportError: nothing can be quantised.
        """
        if file is not None:
            return OnnxNetwork(network, file, threads)
        if not calibration:
            raise UsageError(
                "runtime onnx-int8 needs recordings of training clips to choose its scales: run "
                "the command where these recordings are, or use --precision fp32"
            )
        graphs, used = graphs_of(network), calibration[:MOST_CLIPS]
        if graphs.front_end is None:
            inputs = [image_of(network, each) for each in used]
        else:
            inputs = images(session(graphs.front_end, threads), used)
        small = Graphs(graphs.front_end, quantised(graphs.network, inputs))
        return OnnxNetwork(network, small.joined().SerializeToString(), threads)


@hookimpl
def register_runtimes(register: Callable[[Runtime], None]) -> None:
    """Register ``onnx-int8``."""
    register(OnnxInt8())
