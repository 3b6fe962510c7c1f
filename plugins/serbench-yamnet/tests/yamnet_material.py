"""Paths of the published weights and recordings, and networks that need neither."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from serbench_yamnet.network import FoldedBatchNorm
from serbench_yamnet.plugin import YamnetBackbone

SHARED = Path(__file__).parents[4] / "shared"
WEIGHTS = SHARED / "weights" / "yamnet.tflite"
SPEECH = SHARED / "corpora" / "ravdess"

needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason="yamnet.tflite is missing")
needs_speech = pytest.mark.skipif(not SPEECH.is_dir(), reason="there are no recordings")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n_clips=4, frames=260, seed=0):
    """Random images like log mel images ``[B, 1, 64, frames]``: mean −3, deviation 2."""
    return 2 * torch.randn(n_clips, 1, 64, frames, generator=seeded(seed)) - 3


def folded_network():
    """A network with random weights in the state of an exported one, whose batch norms only
    shift."""
    torch.manual_seed(0)
    module = YamnetBackbone().build("none").module
    for norm in module.modules():
        if isinstance(norm, FoldedBatchNorm):
            torch.nn.init.normal_(norm.bias, 1.0, 0.5)
            norm.running_var.fill_(1 - norm.eps)
            norm.folded.fill_(True)
    return module.eval()


def norms_of(module):
    return [part for part in module.modules() if isinstance(part, FoldedBatchNorm)]


def recordings(n_clips):
    """Real speech at 16 kHz, ``[samples]`` each, of several speakers and emotions."""
    paths = sorted(path for path in SPEECH.rglob("*") if path.suffix in (".flac", ".wav"))
    for path in paths[:: len(paths) // n_clips][:n_clips]:
        waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
        yield soxr.resample(waveform.mean(axis=1), rate, 16000).astype(np.float32)
