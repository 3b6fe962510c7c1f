"""One seed in; every random choice has its own, derived from what it is for."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: object) -> int:
    """A seed below 2³¹ that depends on every part and on nothing else.

    Deriving rather than drawing keeps a fold's numbers the same whichever folds ran before it,
    in this process or in another.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
