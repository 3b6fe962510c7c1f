"""How a check says what is wrong."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor


def require(kept: bool, otherwise: str) -> None:
    """Demand that a promise is kept, under ``python -O`` too.

    Raises:
        AssertionError: it is not; ``otherwise`` is the message.
    """
    if not kept:
        raise AssertionError(otherwise)


def require_members(thing: object, protocol: type) -> None:
    """Demand every attribute of ``protocol``, and that each method takes the protocol's arguments.

    Raises:
        AssertionError: one is missing or takes others.
    """
    for name, member in vars(protocol).items():
        if name.startswith("_"):
            continue
        require(hasattr(thing, name), f"it has no '{name}', which {protocol.__name__} asks for")
        if inspect.isfunction(member):
            _require_arguments(getattr(thing, name), member)


def _require_arguments(method: Any, member: Any) -> None:
    wanted = list(inspect.signature(member).parameters.values())[1:]
    arguments = ", ".join(each.name for each in wanted)
    require(callable(method), f"'{member.__name__}' is no method: write {member.__name__}(…)")
    try:
        inspect.signature(method).bind(*wanted)
    except TypeError as error:
        raise AssertionError(f"it cannot be called as {member.__name__}({arguments})") from error


def require_equal(first: Tensor, second: Tensor, otherwise: str) -> None:
    """Demand two tensors of one shape with the same values, bit for bit.

    Raises:
        AssertionError: they differ.
    """
    require(torch.equal(first, second), otherwise)


def require_close(first: Tensor, second: Tensor, otherwise: str) -> None:
    """Demand two tensors of one shape that differ by rounding only.

    A thousandth of the largest value is allowed: convolutions add up in any order.

    Raises:
        AssertionError: they differ by more; the message says by how much.
    """
    require(first.shape == second.shape, f"{otherwise}: {first.shape} is not {second.shape}")
    apart = float((first - second).abs().max())
    largest = float(second.abs().max())
    require(apart <= 1e-3 * largest + 1e-5, f"{otherwise}: {apart:.2g} apart, of {largest:.2g}")
