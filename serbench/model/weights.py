"""Read weight files, identify them by content, and load them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.data.regular import is_file
from serbench.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn


BACKBONE, HEAD = "backbone.", "head."
"""Prefixes of the names in a weights file that was trained with serbench."""


def read_weights(path: str | Path, omitted: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or of a ``.pth`` state dict.

    Args:
        path: of the file.
        omitted: prefixes of the names of tensors that are left out; of a ``.safetensors`` file they
            are not read.

    Raises:
        WeightsError: the file is missing, has other content, or has NaN or infinite values.
    """
    # A leaderboard shows names of weights without reading them and must not wait for torch.
    import safetensors
    import torch

    path = _existing(path)
    state: object
    try:
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, "pt") as file:
                names = [name for name in file.keys() if not name.startswith(omitted)]  # noqa: SIM118
                state = {name: file.get_tensor(name) for name in names}
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # Invalid content raises different exceptions: KeyError, IndexError, struct.error, …
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read as weights: give a .safetensors file or a .pth state dict",
            path=path,
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise WeightsError(
            f"{path} has no state dict: give a file with one tensor for each parameter name",
            path=path,
        )
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(omitted)}
    return _checked(kept, path)


WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that ``DataParallel`` and ``torch.compile`` add to all names."""


def _checked(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors under the names of the network; all values are checked to be finite."""
    for wrapper in WRAPPERS:
        if state and all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
    require_finite(state, path)
    return state


def require_finite(state: Mapping[str, Tensor], source: object) -> None:
    """Refuse weights with NaN or infinite values.

    Args:
        state: parameters and buffers by name.
        source: for messages.

    Raises:
        WeightsError: a tensor has NaN or infinite values.
    """
    wrong = [
        name
        for name, tensor in state.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if wrong:
        raise WeightsError(
            f"{source} has NaN or infinite values ({len(wrong)} tensors, such as {min(wrong)}), so "
            "its training diverged: give other weights",
            source=str(source),
            tensors=tuple(sorted(wrong)),
        )


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not is_file(path):
        raise WeightsError(
            f"there is no weights file {path}: give --weights default, none, an existing file, or "
            "entry:N",
            path=path,
        )
    return path


def file_identity(path: str | Path) -> str:
    """``file:NAME:`` and the first 12 digits of the content's SHA-256.

    Raises:
        WeightsError: there is no such file.
    """
    path = _existing(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"file:{path.name}:{digest[:12]}"


def split_state(
    state: Mapping[str, Tensor], own: Collection[str], heads: Sequence[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A state dict as a backbone's, and as its last layer's, each under names of their own.

    Args:
        state: of a network trained here, as ``backbone.*`` and ``head.*``; or published under the
            network's own names.
        own: names in the state of the network without its last layer.
        heads: prefixes of the last layer's parameter names in published states. Where there are
            several, no one of the layers is the last, and all are left out.
    """
    named_here = any(name.startswith(BACKBONE) for name in state)
    if named_here and not any(name in state for name in own):
        return _below(state, BACKBONE), _below(state, HEAD)
    body = {name: tensor for name, tensor in state.items() if not name.startswith(tuple(heads))}
    return body, _below(state, heads[0]) if len(heads) == 1 else {}


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }


def load_exactly(module: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Load ``state`` into ``module``: every tensor, and no other.

    Args:
        module: a network without its last layer.
        state: its parameters and buffers.
        source: for messages.

    Raises:
        WeightsError: a tensor is missing, left over or of another shape.
    """
    own = module.state_dict()
    wrong = {
        name
        for name in own.keys() | state.keys()
        if name not in own or name not in state or own[name].shape != state[name].shape
    }
    if wrong:
        raise WeightsError(
            f"{source} does not fit this backbone ({len(wrong)} tensors differ, "
            f"such as {min(wrong)}): give weights of the same network",
            source=str(source),
            tensors=tuple(sorted(wrong)),
        )
    module.load_state_dict(dict(state))


def layer_of(module: Any) -> dict[str, Tensor] | None:
    """Copies of ``weight`` and ``bias`` of a linear layer; None for any other module."""
    from torch import nn

    if not isinstance(module, nn.Linear) or module.bias is None:
        return None
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}
