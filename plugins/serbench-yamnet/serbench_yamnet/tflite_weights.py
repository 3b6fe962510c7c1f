"""Read YAMNet's weights from a TensorFlow Lite file, quantised or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn

from serbench.errors import WeightsError
from serbench_yamnet.network import HEAD, FoldedBatchNorm, Yamnet

NUMBERS: dict[int, np.dtype[Any]] = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.INT8: np.dtype("i1"),
    tflite.TensorType.UINT8: np.dtype("u1"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}

CONV_2D = tflite.BuiltinOperator.CONV_2D
DEPTHWISE_CONV_2D = tflite.BuiltinOperator.DEPTHWISE_CONV_2D
FULLY_CONNECTED = tflite.BuiltinOperator.FULLY_CONNECTED

AXES = {CONV_2D: (0, 3, 1, 2), DEPTHWISE_CONV_2D: (3, 0, 1, 2)}
"""TensorFlow Lite's order of a kernel's axes → PyTorch's."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer of the file, dequantised.

    Attributes:
        operator: ``CONV_2D``, ``DEPTHWISE_CONV_2D`` or ``FULLY_CONNECTED`` of
            ``tflite.BuiltinOperator``.
        weight: ``[out, height, width, in]``, ``[1, height, width, channels]`` or ``[out, in]``.
        bias: ``[out]``.
    """

    operator: int
    weight: Array
    bias: Array


def read_layers(path: Path) -> list[Layer]:
    """The layers with weights, in their order of execution.

    Raises:
        WeightsError: the file is missing, damaged or not a TensorFlow Lite model.
    """
    if not path.is_file():
        raise WeightsError(
            f"no weights at {path}: --weights takes default, none or a file", path=path
        )
    content = path.read_bytes()
    try:
        if not tflite.Model.ModelBufferHasIdentifier(content, 0):
            raise ValueError("no TFL3 mark")
        return list(_layers(tflite.Model.GetRootAsModel(content, 0)))
    # The class of the error depends on the content: struct.error, ValueError, TypeError, …
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read as a TensorFlow Lite model: fetch yamnet.tflite again",
            path=path,
        ) from error


def _layers(model: Any) -> Iterator[Layer]:
    graph = model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        # Old files have the code in a field with values up to 127, new ones in two fields.
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED):
            _, weight, bias = (graph.Tensors(int(i)) for i in operator.InputsAsNumpy())
            yield Layer(kind, _dequantised(model, weight), _dequantised(model, bias))


def _dequantised(model: Any, tensor: Any) -> Array:
    """Real values, (q − zero point)·scale, with one scale, or one for each slice of an axis."""
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    shape = tensor.ShapeAsNumpy()
    stored = np.frombuffer(raw, NUMBERS[tensor.Type()]).reshape(shape)
    quantization = tensor.Quantization()
    if quantization is None or quantization.ScaleLength() == 0:
        unquantised: Array = stored.astype(np.float32)
        return unquantised
    along = [1] * len(shape)
    along[quantization.QuantizedDimension()] = -1
    scale = quantization.ScaleAsNumpy().astype(np.float64).reshape(along)
    zero = quantization.ZeroPointAsNumpy().astype(np.float64).reshape(along)
    real: Array = ((stored - zero) * scale).astype(np.float32)
    return real


def yamnet_state(path: Path, module: Yamnet) -> dict[str, Tensor]:
    """The file's weights with the names of ``module``; batch norms are marked as folded.

    The last linear layer is the classifier (the first one is the mel matrix).

    Raises:
        WeightsError: the file cannot be read, or contains another network.
    """
    layers = read_layers(path)
    linear = [each for each in layers if each.operator == FULLY_CONNECTED]
    convolutions = [each for each in layers if each.operator != FULLY_CONNECTED]
    parts = dict(module.named_modules())
    # timm declares its layers in their order of execution.
    places = [name for name, part in parts.items() if isinstance(part, nn.Conv2d)]
    norms = {name: part for name, part in parts.items() if isinstance(part, FoldedBatchNorm)}
    if len(convolutions) != len(places) or not linear:
        raise WeightsError(
            f"{path} contains another network than YAMNet: give yamnet.tflite", path=path
        )
    state = {
        f"{HEAD}weight": torch.from_numpy(linear[-1].weight),
        f"{HEAD}bias": torch.from_numpy(linear[-1].bias),
    }
    for place, norm, layer in zip(places, norms, convolutions, strict=True):
        state[f"{place}.weight"] = torch.from_numpy(layer.weight).permute(AXES[layer.operator])
        folded = _folded(torch.from_numpy(layer.bias), norms[norm].eps)
        state |= {f"{norm}.{name}": tensor for name, tensor in folded.items()}
    return state


def _folded(shift: Tensor, eps: float) -> dict[str, Tensor]:
    """The state of a batch norm that only adds ``shift``."""
    return {
        "weight": torch.ones_like(shift),
        "bias": shift,
        "running_mean": torch.zeros_like(shift),
        "running_var": torch.full_like(shift, 1 - eps),
        "num_batches_tracked": torch.tensor(0),
        "folded": torch.tensor(True),
    }
