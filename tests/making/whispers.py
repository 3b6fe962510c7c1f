"""Small encoders of Whisper, images for them, and files of their weights."""

import safetensors.torch
import torch

from serbench.builtin.whisper import Whisper

SMALL = Whisper("small", "somebody/small", n_layers=4, width=32, n_heads=4)
TINY = Whisper("whisper_tiny.en", "openai/whisper-tiny.en", n_layers=4, width=384, n_heads=6)
TWO = Whisper("two", "somebody/two", n_layers=2, width=32, n_heads=4)


def images(n_clips, columns, seed=0):
    """Random images ``[n_clips, 1, 80, columns]`` in the range of Whisper's."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n_clips, 1, 80, columns, generator=generator) * 2 - 0.9


def built(backbone, weights="none", n_classes=None, seed=0):
    torch.manual_seed(seed)
    return backbone.build(weights, n_classes)


def read(backbone, module, inputs, taps, lengths=None):
    """Frames of taps and their numbers, in evaluation mode."""
    with torch.inference_mode():
        features = backbone.features(module.eval(), inputs, lengths, taps)
    return features.taps, features.lengths


def saved(path, state, metadata=None):
    contiguous = {name: tensor.contiguous() for name, tensor in state.items()}
    safetensors.torch.save_file(contiguous, path, metadata)
    return str(path)
