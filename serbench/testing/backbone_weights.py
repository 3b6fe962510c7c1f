"""What every backbone promises of weights from a file: loaded whole, named, or refused."""

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
from serbench.testing.networks import N_CLASSES, answers_of, build, classifier, images_for
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
    """A network's state as serbench writes it: ``backbone.*`` and ``head.*``."""
    return dict(network.state_dict())


def its_state_makes_another_network_the_same(backbone: Backbone) -> None:
    """A state dict survives a file, and gives another network the same vectors."""
    trained, other = build(backbone, seed=1).module, build(backbone, seed=2).module
    images = images_for(backbone, 2)
    with _saved(trained.state_dict()) as path:
        other.load_state_dict(safetensors.torch.load_file(path))
    found = answers_of(other, images)
    require_equal(found, answers_of(trained, images), "with the state of another it differs")


def a_file_trained_here_is_loaded_whole(backbone: Backbone) -> None:
    """Weights from a file are all loaded, the last layer too, and identified by its content."""
    trained = _trained(classifier(backbone, seed=1))
    with _saved(trained) as path:
        built = build(backbone, weights=str(path), seed=2)
        identity = file_identity(path)
    require(built.weights == identity, f"a file's weights are called '{built.weights}'")
    loaded = built.module.state_dict()
    for name, values in loaded.items():
        require_equal(values, trained[f"backbone.{name}"], f"{name} is not what the file holds")
    require(built.head is not None, "the file's last layer is not handed on")
    for name, values in (built.head or {}).items():
        require_equal(values, trained[f"head.{name}"], f"head.{name} is not what the file holds")


def of_a_file_of_other_emotions_all_but_the_last_layer_is_loaded(backbone: Backbone) -> None:
    """A file from a network of other emotions gives the backbone; its last layer is left."""
    trained = _trained(classifier(backbone, N_CLASSES - 2, seed=1))
    with _saved(trained) as path:
        built = build(backbone, weights=str(path), seed=2)
    for name, values in built.module.state_dict().items():
        require_equal(values, trained[f"backbone.{name}"], f"{name} is not what the file holds")
    if built.head is not None:
        rows = len(built.head["weight"])
        require(rows == N_CLASSES, f"a last layer of {rows} emotions is handed on for {N_CLASSES}")


def the_weights_of_another_network_are_refused(backbone: Backbone) -> None:
    """A file that does not fit is a ``WeightsError``, never a silent random start."""
    stranger = {"stranger.weight": torch.zeros(3, 3), "stranger.bias": torch.zeros(3)}
    with _saved(stranger) as path:
        _require_refusal(backbone, path, "the weights of another network are taken")


def a_missing_file_is_refused(backbone: Backbone) -> None:
    """A file that is not there is a ``WeightsError``, never a silent random start."""
    with tempfile.TemporaryDirectory() as folder:
        _require_refusal(backbone, Path(folder) / "nowhere.pth", "a missing file is passed over")


def _require_refusal(backbone: Backbone, path: Path, otherwise: str) -> None:
    try:
        build(backbone, weights=str(path))
    except WeightsError:
        return
    raise AssertionError(f"{otherwise}: raise WeightsError")
