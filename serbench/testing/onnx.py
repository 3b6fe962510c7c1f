"""A network run in ONNX Runtime."""

from __future__ import annotations

import importlib
import warnings
from unittest import SkipTest

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def onnx_logits(module: nn.Module, images: Tensor) -> Tensor:
    """Logits of the exported ``module`` for ``images``, in evaluation mode.

    Raises:
        SkipTest: a package that it needs is not installed.
        AssertionError: the network cannot be exported.
    """
    missing = [name for name in PACKAGES if not _there(name)]
    if missing:
        raise SkipTest(f"{', '.join(missing)} not installed: pip install {' '.join(missing)}")
    runtime = importlib.import_module("onnxruntime")
    # The exporter fails on the memory layout of the CPU's fused attention.
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")  # from dependencies of the exporter
        try:
            program = torch.onnx.export(
                module.eval(), (images.contiguous(),), dynamo=True, verbose=False, optimize=False
            )
        # The class of the error depends on the step that fails.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise AssertionError(f"torch.onnx cannot export it ({reason})") from error
    if program is None:
        raise AssertionError("torch.onnx cannot export it")
    session = runtime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.contiguous().numpy()})
    return torch.from_numpy(logits)


def _there(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True
