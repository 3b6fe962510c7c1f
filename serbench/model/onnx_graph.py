"""Deployed networks as ONNX graphs of standard operators with fixed shapes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from serbench.errors import ExportError, MissingPackageError
from serbench.model.deployable import Deployable

if TYPE_CHECKING:
    import onnx

OPSET = 18
FORBIDDEN = ("STFT", "DFT", "If", "Loop", "Scan")
"""Operators that runtimes of devices often lack, or execute slowly."""

WAVEFORM, VALID_SAMPLES = "waveform", "valid_samples"
IMAGE, COLUMNS = "image", "columns"
LOGITS, PROBABILITIES, FEATURES = "logits", "probabilities", "features"


@dataclass(frozen=True)
class Graphs:
    """A deployed network in two parts.

    Attributes:
        front_end: ``waveform`` ``[1, samples]`` and ``valid_samples`` int64 ``[1]`` → ``image``,
            and ``columns`` where the network can leave out padding; None where it is outside.
        network: these → ``logits`` and ``probabilities`` ``[1, n_classes]``, and ``features``
            ``[1, D]`` where the head receives one vector.
    """

    front_end: onnx.ModelProto | None
    network: onnx.ModelProto

    def joined(self) -> onnx.ModelProto:
        """Both parts as one graph."""
        from onnx import compose

        if self.front_end is None:
            return self.network
        first, second = (
            compose.add_prefix(part, prefix, rename_inputs=False, rename_outputs=False)
            for part, prefix in ((self.front_end, "front_end/"), (self.network, "network/"))
        )
        between = [output.name for output in first.graph.output]
        return compose.merge_models(first, second, io_map=[(name, name) for name in between])


def graphs_of(deployable: Deployable) -> Graphs:
    """The graphs of a deployed network.

    Raises:
        MissingPackageError: a package for the conversion is not installed.
        ExportError: the network cannot be converted.
    """
    recording = deployable.recording()
    with torch.inference_mode():
        image, columns = deployable.images(*recording)
    first = None
    inner = (IMAGE,) if columns is None else (IMAGE, COLUMNS)
    if deployable.begins_with_waveform:
        first = exported(_Images(deployable), recording, (WAVEFORM, VALID_SAMPLES), inner)
    # Plain tensors in the usual order of axes: the exporter rejects inference tensors, and for
    # other orders of axes fails in attention.
    inputs = [image.clone().contiguous()] + ([] if columns is None else [columns.clone()])
    network = _Answers(deployable)
    with torch.inference_mode():
        names = (LOGITS, PROBABILITIES, FEATURES)[: len(network(*inputs))]
    return Graphs(first, exported(network, inputs, inner, names))


def split(file: bytes) -> Graphs:
    """The parts of an exported file."""
    import onnx

    model = onnx.load_from_string(file)
    outer = [each.name for each in model.graph.input]
    if outer[0] != WAVEFORM:
        return Graphs(None, model)
    # The model checker would reject shapes of tensors that a converter has renamed.
    parts = onnx.utils.Extractor(model)
    used = {name for node in model.graph.node for name in node.input}
    inner = [name for name in (IMAGE, COLUMNS) if name in used]
    answers = [each.name for each in model.graph.output]
    return Graphs(parts.extract_model(outer, inner), parts.extract_model(inner, answers))


class _Images(nn.Module):
    def __init__(self, deployable: Deployable) -> None:
        super().__init__()
        self.deployable = deployable

    def forward(self, waveform: Tensor, valid_samples: Tensor) -> tuple[Tensor, ...]:
        image, columns = self.deployable.images(waveform, valid_samples)
        return (image,) if columns is None else (image, columns)


class _Answers(nn.Module):
    def __init__(self, deployable: Deployable) -> None:
        super().__init__()
        self.deployable = deployable

    def forward(self, image: Tensor, columns: Tensor | None = None) -> tuple[Tensor, ...]:
        answer = self.deployable.answer(image, columns)
        return tuple(part for part in answer if part is not None)


def exported(
    module: nn.Module,
    inputs: tuple[Tensor, ...] | list[Tensor],
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
) -> onnx.ModelProto:
    """The graph of a module in evaluation mode for inputs of fixed shapes.

    Raises:
        MissingPackageError: a package for the conversion is not installed.
        ExportError: it cannot be converted, or needs an operator that is not allowed.
    """
    try:
        import onnxscript  # noqa: F401 (used by torch.onnx)
        from onnx import checker
    except ImportError as error:
        raise MissingPackageError(
            f"exporting needs the package {error.name}: pip install 'serbench[onnx]'",
            package=str(error.name),
        ) from error
    named = ", ".join(sorted({type(part).__name__ for part in module.children()}))
    # The exporter fails on the memory layout of the CPU's fused attention.
    with _quiet(), sdpa_kernel(SDPBackend.MATH):
        try:
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs),
                input_names=list(input_names),
                output_names=list(output_names),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        # The class of the error depends on the step that fails.
        except Exception as error:
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise ExportError(
                f"PyTorch cannot export this network ({type(error).__name__}: {reason}): replace "
                f"the operation in the plugin of the front end, the backbone or the head ({named})",
                reason=reason,
            ) from error
    assert program is not None
    model = program.model_proto
    checker.check_model(model)
    _require_standard(model)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings and messages of the exporter; its errors are raised."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _require_standard(model: onnx.ModelProto) -> None:
    """Refuse operators that devices may lack.

    Raises:
        ExportError: there is one.
    """
    wrong = sorted({node.op_type for node in model.graph.node if node.op_type in FORBIDDEN})
    wrong += sorted({node.domain for node in model.graph.node if node.domain})
    newest = max(each.version for each in model.opset_import)
    if wrong or newest > OPSET or model.functions:
        raise ExportError(
            f"the exported graph needs {', '.join(wrong) or f'opset {newest}'}, which many devices "
            "do not have: compute spectra with serbench.model.spectrum.PowerSpectrum and leave "
            "out branches that depend on the input",
            operators=tuple(wrong),
        )
