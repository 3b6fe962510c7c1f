"""Assertions for checks."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor


def require(kept: bool, otherwise: str) -> None:
    """Assert that a requirement is met, also under ``python -O``.

    Raises:
        AssertionError: it is not met; ``otherwise`` is the message.
    """
    if not kept:
        raise AssertionError(otherwise)


def require_members(thing: object, protocol: type) -> None:
    """Assert that ``thing`` has the attributes of ``protocol`` and methods with the same arguments.

    Raises:
        AssertionError: an attribute is missing, or a method takes other arguments.
    """
    members = [each for base in protocol.__mro__ for each in vars(base).items()]
    for name, member in members:
        if name.startswith("_"):
            continue
        require(hasattr(thing, name), f"it has no '{name}', which {protocol.__name__} requires")
        if inspect.isfunction(member):
            _require_arguments(getattr(thing, name), member)


def _require_arguments(method: Any, member: Any) -> None:
    wanted = list(inspect.signature(member).parameters.values())[1:]
    arguments = ", ".join(each.name for each in wanted)
    require(callable(method), f"'{member.__name__}' is not a method: write {member.__name__}(…)")
    try:
        inspect.signature(method).bind(*wanted)
    except TypeError as error:
        raise AssertionError(f"it cannot be called as {member.__name__}({arguments})") from error


def require_equal(first: Tensor, second: Tensor, otherwise: str) -> None:
    """Assert that two tensors have the same shape and values, bit for bit.

    Raises:
        AssertionError: they differ.
    """
    require(torch.equal(first, second), otherwise)


def require_close(first: Tensor, second: Tensor, otherwise: str) -> None:
    """Assert that two tensors have the same shape and differ only by rounding.

    A thousandth of the largest value is allowed, because convolutions may add in any order.

    Raises:
        AssertionError: they differ by more; the message contains the difference.
    """
    require(first.shape == second.shape, f"{otherwise}: {first.shape} is not {second.shape}")
    apart = float((first - second).abs().max())
    largest = float(second.abs().max())
    require(apart <= 1e-3 * largest + 1e-5, f"{otherwise}: they differ by {apart:.2g}")
