"""Read weight files, name them by content, and load what fits."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from serbench.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or of a ``.pth`` state dict.

    Raises:
        WeightsError: the file is missing or holds something else.
    """
    # A leaderboard names weights and reads none: it shall not wait for torch.
    import safetensors.torch
    import torch

    path = _existing(path)
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    # What reading garbage raises depends on the garbage: KeyError, IndexError, struct.error, …
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read as weights: give a .safetensors file or a .pth state dict"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise WeightsError(f"{path} holds no state dict: give one tensor for each parameter name")
    return state


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: --weights takes default, none or a file")
    return path


def file_identity(path: str | Path) -> str:
    """``file:NAME:`` and the first 12 digits of the content's SHA-256.

    Raises:
        WeightsError: there is no such file.
    """
    path = _existing(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"file:{path.name}:{digest[:12]}"


def load_matching(
    module: nn.Module, state: dict[str, Tensor], heads: tuple[str, ...], source: object
) -> None:
    """Load ``state`` into ``module``, strictly, but for the last layer.

    ``heads`` are the prefixes of the last layer's parameter names, such as ``classifier.``.

    The last layer is loaded too where its shape fits: a network trained on as many emotions.

    Raises:
        WeightsError: anything else is missing, left over or of another shape.
    """
    own = module.state_dict()
    fits = {
        name: tensor
        for name, tensor in state.items()
        if name in own and own[name].shape == tensor.shape
    }
    wrong = {
        name
        for name in own.keys() ^ fits.keys() | state.keys() ^ fits.keys()
        if not name.startswith(heads)
    }
    if wrong:
        raise WeightsError(
            f"{source} does not fit this backbone ({len(wrong)} tensors differ, "
            f"such as {min(wrong)}): give weights of the same network"
        )
    module.load_state_dict(fits, strict=False)
