"""A network as ONNX Runtime runs it."""

from __future__ import annotations

import importlib
import warnings
from unittest import SkipTest

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def onnx_logits(module: nn.Module, images: Tensor) -> Tensor:
    """What the exported ``module`` answers to ``images``, in evaluation mode.

    Raises:
        SkipTest: what it takes is not installed.
        AssertionError: the network cannot be exported.
    """
    missing = [name for name in PACKAGES if not _there(name)]
    if missing:
        raise SkipTest(f"{', '.join(missing)} not installed: pip install {' '.join(missing)}")
    runtime = importlib.import_module("onnxruntime")
    # The fused attention of CPUs lays its result out in a way that the exporter fails on.
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")  # of the exporter's own dependencies
        try:
            program = torch.onnx.export(
                module.eval(), (images.contiguous(),), dynamo=True, verbose=False, optimize=False
            )
        # What it raises depends on which of its steps fails.
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
