"""Parity of an exported network with PyTorch, from recording to logits."""

from __future__ import annotations

import importlib
from unittest import SkipTest

import numpy as np
import torch

from serbench.errors import MissingPackageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.onnx_graph import LOGITS, graphs_of


def parity_error(network: Deployable) -> float:
    """The largest difference of logits in ONNX Runtime from PyTorch, for four recordings.

    It is a share of the largest logit, or of 1 where all are smaller. The recordings are a rising
    tone, noise, a short one and silence.

    Raises:
        SkipTest: a package that it needs is not installed.
        ExportError: the network cannot be exported.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
        graph = graphs_of(network).joined()
    except (ImportError, MissingPackageError) as error:
        raise SkipTest(f"{error}: pip install 'serbench[onnx]'") from error
    session = runtime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    recordings = _recordings(network)
    with torch.inference_mode():
        expected = np.concatenate([network(*each).logits.numpy() for each in recordings])
    found = np.concatenate(
        [
            session.run([LOGITS], {name: part.numpy() for name, part in each._asdict().items()})[0]
            for each in recordings
        ]
    )
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def _recordings(network: Deployable) -> list[Recording]:
    samples = network.input_samples
    seconds = torch.arange(samples) / network.input_rate
    noise = 0.01 * torch.randn(samples, generator=torch.Generator().manual_seed(1))
    tone = 0.5 * torch.sin(2 * torch.pi * 200 * seconds * (1 + seconds))
    short = network.recording(tone)._replace(valid_samples=torch.tensor([samples // 3]))
    silence = network.recording(torch.zeros(samples))
    return [network.recording(tone), network.recording(noise), short, silence]
