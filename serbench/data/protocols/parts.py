"""Which rows are trained on and which are tested: folds, outer folds, and the whole split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

HOLDOUT = "holdout"
"""The holdout's place among the folds, in seeds and records."""


@dataclass(frozen=True)
class Fold:
    """Rows of the manifest to train on and to test on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class OuterFold:
    """One search and one holdout, kept apart as Cawley and Talbot (2010) ask for.

    G. C. Cawley and N. L. C. Talbot, *On Over-fitting in Model Selection and Subsequent Selection
    Bias in Performance Evaluation*, Journal of Machine Learning Research 11, 2010.

    Attributes:
        holdout: its ``train`` is the dev part, which the search may use as it likes; its ``test`` is
            scored once, by the winner refitted on the whole dev part.
        folds: the dev part again, for the search: each row is tested by at most one of them.
    """

    holdout: Fold
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Split:
    """All outer folds of a protocol on a dataset: one, or as many as make everybody sit an holdout."""

    outer_folds: tuple[OuterFold, ...]

    @property
    def holdout(self) -> Fold:
        """The first outer fold's holdout."""
        return self.outer_folds[0].holdout

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The first outer fold's folds."""
        return self.outer_folds[0].folds
