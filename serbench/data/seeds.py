"""Seeds for all random choices, derived from the seed of the study and their purpose."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: object) -> int:
    """A seed below 2³¹ that depends only on the parts.

    Since seeds are derived instead of drawn, the random numbers of a fold do not depend on the
    folds that ran before it, in this process or in another.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
