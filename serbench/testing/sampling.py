"""A fixed sample of many registered objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from serbench.errors import SerbenchError

FEW_PARAMETERS = 20_000_000
LARGEST_SIDE = 300


def sample(kind: str, things: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` of ``things``, spread over all of them.

    From many backbones it takes those that can be checked in seconds: images of at most 300×300 and
    at most 20 million parameters, which are counted on the meta device without memory.
    """
    if len(things) <= count:
        return list(things)
    stride = len(things) / count
    shares = [things[round(n * stride) : round((n + 1) * stride)] for n in range(count)]
    chosen = (next((thing for thing in share if _quick(kind, thing)), None) for share in shares)
    return [thing for thing in chosen if thing is not None]


def _quick(kind: str, thing: Any) -> bool:
    if kind != "backbone":
        return True
    spec = thing.input_spec()
    if max(spec.height, spec.width) > LARGEST_SIDE:
        return False
    try:
        with torch.device("meta"):
            module = thing.build("none", 2).module
    except SerbenchError:  # an encoder without a last layer
        return False
    except Exception:  # noqa: BLE001 - its contract reports any other error
        return True
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return bool(parameters <= FEW_PARAMETERS)
