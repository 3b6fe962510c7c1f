"""What a study searches: learning rate, freeze depth, the width of every augmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from serbench.model.augment import Augmentation
from serbench.model.ranges import Range

LEARNING_RATE = "learning_rate"
FREEZE_DEPTH = "freeze_depth"
WIDTH = "width:"


@dataclass(frozen=True)
class Setting:
    """One point of the search space.

    Attributes:
        learning_rate: the highest of the schedule's course.
        freeze_depth: how many stages are held still, from the input on.
        widths: augmentation name → width.
    """

    learning_rate: float
    freeze_depth: int
    widths: Mapping[str, float]

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Setting:
        """The setting that flat trial parameters stand for."""
        return cls(
            learning_rate=float(parameters[LEARNING_RATE]),
            freeze_depth=int(parameters[FREEZE_DEPTH]),
            widths={
                name.removeprefix(WIDTH): float(value)
                for name, value in parameters.items()
                if name.startswith(WIDTH)
            },
        )


@dataclass(frozen=True)
class SearchSpace:
    """The intervals a study explores and the paper's point in them.

    Attributes:
        learning_rates: what the scheduler declares.
        n_stages: freeze depths 0 to this.
        paper_freeze_depth: what the paper froze.
        widths: augmentation name → what it declares.
    """

    learning_rates: Range
    n_stages: int
    paper_freeze_depth: int
    widths: Mapping[str, Range]

    def distributions(self) -> dict[str, BaseDistribution]:
        """The space in Optuna's terms."""
        rates = self.learning_rates
        return {
            LEARNING_RATE: FloatDistribution(rates.low, rates.high, log=rates.log),
            FREEZE_DEPTH: IntDistribution(0, self.n_stages),
            **{
                WIDTH + name: FloatDistribution(width.low, width.high, log=width.log)
                for name, width in self.widths.items()
            },
        }

    def paper(self) -> dict[str, float]:
        """The paper's setting, the first trial of every study."""
        return {
            LEARNING_RATE: self.learning_rates.paper,
            FREEZE_DEPTH: self.paper_freeze_depth,
            **{WIDTH + name: width.paper for name, width in self.widths.items()},
        }


def search_space(
    learning_rates: Range,
    n_stages: int,
    paper_freeze_depth: int,
    augmentations: Sequence[Augmentation],
) -> SearchSpace:
    """The space that these plugins declare."""
    widths = {augmentation.name: augmentation.widths for augmentation in augmentations}
    return SearchSpace(learning_rates, n_stages, paper_freeze_depth, widths)
