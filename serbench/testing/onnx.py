"""A network run in ONNX Runtime."""

from __future__ import annotations

import importlib
from unittest import SkipTest

import torch
from torch import Tensor, nn

from serbench.errors import ExportError, MissingPackageError
from serbench.model.onnx_graph import exported


def onnx_logits(module: nn.Module, images: Tensor) -> Tensor:
    """Logits of the exported ``module`` for ``images``, in evaluation mode.

    Raises:
        SkipTest: a package that it needs is not installed.
        AssertionError: the network cannot be exported.
    """
    inputs = images.contiguous()
    try:
        runtime = importlib.import_module("onnxruntime")
        graph = exported(module, (inputs,), ("images",), ("logits",))
    except (ImportError, MissingPackageError) as error:
        raise SkipTest(f"{error}: pip install 'serbench[onnx]'") from error
    except ExportError as error:
        raise AssertionError(str(error)) from error
    session = runtime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(None, {"images": inputs.numpy()})
    return torch.from_numpy(logits)
