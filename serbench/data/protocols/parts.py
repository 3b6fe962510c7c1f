"""Which rows are trained on and which are tested: folds, rounds, and the whole split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

EXAM = "exam"
"""The exam's place among the folds, in seeds and records."""


@dataclass(frozen=True)
class Fold:
    """Rows of the manifest to train on and to test on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class Round:
    """One search and one exam, kept apart as Cawley and Talbot (2010) ask for.

    G. C. Cawley and N. L. C. Talbot, *On Over-fitting in Model Selection and Subsequent Selection
    Bias in Performance Evaluation*, Journal of Machine Learning Research 11, 2010.

    Attributes:
        exam: its ``train`` is the dev part, which the search may use as it likes; its ``test`` is
            scored once, by the winner refitted on the whole dev part.
        folds: the dev part again, for the search: each row is tested by at most one of them.
    """

    exam: Fold
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Split:
    """All rounds of a protocol on a dataset: one, or as many as make everybody sit an exam."""

    rounds: tuple[Round, ...]

    @property
    def exam(self) -> Fold:
        """The first round's exam."""
        return self.rounds[0].exam

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The first round's folds."""
        return self.rounds[0].folds
