"""Whether the numbers of a file are logits or probabilities, rounded or in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from serbench.errors import UsageError

Kind = Literal["logits", "probabilities"]

SMALLEST_PROBABILITY = 1e-30
"""Stands for a probability of zero, which has no logarithm, in a file that rounds nothing."""

EXACT = 1e-3
"""Sums of unrounded float32 probabilities differ from one by less."""

WIDEST = 0.05
"""No rounding that keeps the order of emotions moves a sum of probabilities further."""

NEAR = 0.1
"""Rows with a sum within this distance of one are probably probabilities."""


def as_logits(
    path: Path, cells: Sequence[Sequence[str]], lines: Sequence[int], kind: Kind | None
) -> npt.NDArray[np.float32]:
    """Logits as they are; probabilities by their logarithms.

    Unless ``kind`` is given, numbers are probabilities where none is negative and each row sums
    to one, or to 100 for per cent, within what rounding to the digits of the file can change. A
    probability that was rounded to zero counts as half of the last digit.

    Args:
        path: of the file, for errors.
        cells: finite numbers as text, ``[n, n_classes]``.
        lines: the number of each row's line, ``[n]``, for errors.
        kind: what the user states.

    Returns:
        float32 ``[n, n_classes]``.

    Raises:
        UsageError: what should be probabilities is negative or sums to nothing; or half of the
            rows sum to about one and others do not, so that the kind is unclear.
    """
    values = np.array([[float(cell) for cell in row] for row in cells])
    digits = max(_decimals(cell) for row in cells for cell in row)
    if kind == "logits":
        return values.astype(np.float32)
    sums = values.sum(axis=1)
    if kind == "probabilities":
        wrong = (values < 0).any(axis=1) | (sums <= 0)
        if wrong.any():
            raise UsageError(
                f"{path}, line {lines[int(wrong.argmax())]} has invalid probabilities: none may be "
                "negative, nor all of them zero; give --kind logits for logits",
                path=path,
                line=lines[int(wrong.argmax())],
                kind=kind,
            )
        scale = 100.0 if np.median(sums) > 10 else 1.0  # 10 is the middle of 1 and 100
        return _logarithms(values, scale, digits)
    if (values < 0).any():
        return values.astype(np.float32)
    for scale in (1.0, 100.0):
        allowed = max(EXACT, min(WIDEST, values.shape[1] * 0.5 * 10.0**-digits / scale))
        far = np.abs(sums / scale - 1)
        if (far <= allowed * (1 + 1e-9)).all():
            return _logarithms(values, scale, digits)
        if np.mean(far <= NEAR) >= 0.5:
            row = int(far.argmax())
            raise UsageError(
                f"{path} may hold probabilities or logits: most rows sum to about {scale:g}, "
                f"line {lines[row]} to {sums[row]:.4g}; type --kind probabilities or --kind logits",
                path=path,
                line=lines[row],
                total=float(sums[row]),
            )
    return values.astype(np.float32)


def _logarithms(
    values: npt.NDArray[np.float64], scale: float, digits: int
) -> npt.NDArray[np.float32]:
    least = 0.5 * 10.0**-digits / scale if digits or scale > 1 else SMALLEST_PROBABILITY
    probabilities = values / scale
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    kept: npt.NDArray[np.float64] = np.maximum(probabilities, max(least, SMALLEST_PROBABILITY))
    return np.log(kept).astype(np.float32)


def _decimals(cell: str) -> int:
    """Digits after the point."""
    exponent = Decimal(cell).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
