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
from serbench.model.weights import file_identity
from serbench.testing.networks import N_CLASSES, build, images_for, last_layer_of, logits_of
from serbench.testing.require import require, require_equal


@contextmanager
def _saved(state: Mapping[str, Tensor]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.safetensors"
        safetensors.torch.save_file(
            {name: tensor.contiguous() for name, tensor in state.items()}, path
        )
        yield path


def its_state_makes_another_network_the_same(backbone: Backbone) -> None:
    """A state dict survives a file, and gives another network the same logits."""
    trained, other = build(backbone, seed=1).module, build(backbone, seed=2).module
    images = images_for(backbone, 2)
    with _saved(trained.state_dict()) as path:
        other.load_state_dict(safetensors.torch.load_file(path))
    said = logits_of(other, images)
    require_equal(said, logits_of(trained, images), "with the state of another it says otherwise")


def a_file_of_as_many_emotions_is_loaded_whole(backbone: Backbone) -> None:
    """Weights from a file are all loaded, and identified by the file's content."""
    trained = build(backbone, seed=1).module.state_dict()
    with _saved(trained) as path:
        built = build(backbone, weights=str(path), seed=2)
        identity = file_identity(path)
    require(built.weights == identity, f"a file's weights are called '{built.weights}'")
    loaded = built.module.state_dict()
    for name, values in trained.items():
        require_equal(loaded[name], values, f"{name} is not what the file says")


def of_a_file_of_other_emotions_all_but_the_last_layer_is_loaded(backbone: Backbone) -> None:
    """A file from a network of other emotions gives all but the last layer, which is fresh."""
    trained = build(backbone, N_CLASSES - 2, seed=1).module.state_dict()
    with _saved(trained) as path:
        module = build(backbone, weights=str(path), seed=2).module
    last_layer = last_layer_of(backbone, module)
    loaded = module.state_dict()
    for name, values in trained.items():
        if name not in last_layer:
            require_equal(loaded[name], values, f"{name} is not what the file says")
    fresh = any(module.get_parameter(name).std() > 0 for name in last_layer)
    require(fresh, "the last layer is left blank")


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
