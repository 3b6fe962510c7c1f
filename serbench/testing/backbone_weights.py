"""Requirements on every backbone for weights from files, which are loaded or refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from serbench.errors import WeightsError
from serbench.model.backbone import Backbone
from serbench.model.network import EmotionNetwork
from serbench.model.weights import file_identity
from serbench.testing.networks import N_CLASSES, build, classifier, images_for, vectors_of
from serbench.testing.require import require, require_equal


@contextmanager
def _saved(state: Mapping[str, Tensor]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.safetensors"
        safetensors.torch.save_file(
            {name: tensor.contiguous() for name, tensor in state.items()}, path
        )
        yield path


def _trained(network: EmotionNetwork) -> dict[str, Tensor]:
    """A network's state as serbench stores it: ``backbone.*`` and ``head.*``."""
    return dict(network.state_dict())


def its_state_reproduces_the_network(backbone: Backbone) -> None:
    """With the state of a network, loaded from a file, another network gives the same vectors."""
    trained, other = build(backbone, seed=1).module, build(backbone, seed=2).module
    images = images_for(backbone, 2)
    with _saved(trained.state_dict()) as path:
        other.load_state_dict(safetensors.torch.load_file(path))
    found = vectors_of(backbone, other, images)
    same = vectors_of(backbone, trained, images)
    require_equal(found, same, "the same state gives other vectors")


def a_file_of_serbench_is_loaded_completely(backbone: Backbone) -> None:
    """All weights of a file are loaded, including the last layer, and identified by its content."""
    trained = _trained(classifier(backbone, seed=1))
    with _saved(trained) as path:
        built = build(backbone, weights=str(path), seed=2)
        identity = file_identity(path)
    require(built.weights == identity, f"the identity of a file's weights is '{built.weights}'")
    loaded = built.module.state_dict()
    for name, values in loaded.items():
        require_equal(values, trained[f"backbone.{name}"], f"{name} differs from the file")
    require(built.head is not None, "the file's last layer is not returned")
    for name, values in (built.head or {}).items():
        require_equal(values, trained[f"head.{name}"], f"head.{name} differs from the file")


def a_file_of_other_emotions_is_loaded_without_its_last_layer(backbone: Backbone) -> None:
    """A file of a network with other emotions is loaded except for its last layer."""
    trained = _trained(classifier(backbone, N_CLASSES - 2, seed=1))
    with _saved(trained) as path:
        built = build(backbone, weights=str(path), seed=2)
    for name, values in built.module.state_dict().items():
        require_equal(values, trained[f"backbone.{name}"], f"{name} differs from the file")
    if built.head is not None:
        rows = len(built.head["weight"])
        require(rows == N_CLASSES, f"a last layer of {rows} emotions is returned for {N_CLASSES}")


def the_weights_of_another_network_are_refused(backbone: Backbone) -> None:
    """A file that does not fit raises a ``WeightsError`` instead of a random start."""
    stranger = {"stranger.weight": torch.zeros(3, 3), "stranger.bias": torch.zeros(3)}
    with _saved(stranger) as path:
        _require_refusal(backbone, path, "the weights of another network are accepted")


def a_missing_file_is_refused(backbone: Backbone) -> None:
    """A missing file raises a ``WeightsError`` instead of a random start."""
    with tempfile.TemporaryDirectory() as folder:
        _require_refusal(backbone, Path(folder) / "nowhere.pth", "a missing file is ignored")


def _require_refusal(backbone: Backbone, path: Path, otherwise: str) -> None:
    try:
        build(backbone, weights=str(path))
    except WeightsError:
        return
    raise AssertionError(f"{otherwise}: raise WeightsError")
