"""Trained networks: kept as safetensors, named by content, loaded back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from serbench.data.clips import ClipFormat
from serbench.errors import StorageError, WeightsError
from serbench.model.backbone import NO_WEIGHTS, Backbone
from serbench.model.frontend import FrontEnd
from serbench.model.network import EmotionNetwork
from serbench.model.weights import read_weights


def save_weights(state: Mapping[str, Tensor], path: Path) -> str:
    """Write weights whole or not at all.

    Returns:
        SHA-256 of the file.

    Raises:
        StorageError: the folder cannot be written to.
    """
    content = safetensors.torch.save(dict(state))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot take the trained weights ({error.strerror}): make room there "
            "or keep the database elsewhere with --db"
        ) from error
    return hashlib.sha256(content).hexdigest()


def content_hash(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_weights(path: Path, sha256: str) -> None:
    """Make sure a weights file is the one that was recorded.

    Raises:
        WeightsError: it is missing or has another content.
    """
    if not path.is_file():
        raise WeightsError(f"the weights of this entry are missing: {path}; run its study again")
    if content_hash(path) != sha256:
        raise WeightsError(f"{path} is not what was trained: its hash differs; run the study again")


def fresh_network(
    backbone: Backbone, front_end: FrontEnd, clip_format: ClipFormat, n_classes: int
) -> EmotionNetwork:
    """An untrained network in evaluation mode, waveform ``[B, samples]`` → logits."""
    module = backbone.build(n_classes, NO_WEIGHTS).module
    network = EmotionNetwork(front_end.build(clip_format, backbone.input_spec()), module)
    network.eval()
    # The memory order networks are trained in, and in which front ends deliver.
    return network.to(memory_format=torch.channels_last)


def load_network(
    backbone: Backbone,
    front_end: FrontEnd,
    clip_format: ClipFormat,
    n_classes: int,
    weights: Path,
) -> EmotionNetwork:
    """A trained network in evaluation mode, waveform ``[B, samples]`` → logits.

    Raises:
        WeightsError: the file is missing or does not fit the backbone.
    """
    network = fresh_network(backbone, front_end, clip_format, n_classes)
    try:
        network.backbone.load_state_dict(read_weights(weights))
    except RuntimeError as error:
        raise WeightsError(
            f"{weights} does not fit {backbone.name}: run its study again"
        ) from error
    return network
