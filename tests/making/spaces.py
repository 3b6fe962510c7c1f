"""Search spaces of parts that only declare their ranges."""

from dataclasses import dataclass, field

from serbench.model.ranges import Choice, Range
from serbench.search.space import SearchSpace, training_ranges, within


@dataclass(frozen=True)
class Schedule:
    """The attributes of a scheduler that a search space uses."""

    learning_rates: Range
    weight_decays: Range = field(default_factory=lambda: Range(0, 0.3, initial=0))


def search_space(
    rates,
    n_stages,
    initial_freeze_depth,
    augmentations,
    bounds=None,
    readouts=("pooled",),
    objective=None,
    head=None,
):
    """The space of a training by gradient descent."""
    depths = Range(0, n_stages, initial_freeze_depth)
    ranges = {
        "readout": Choice(readouts),
        **training_ranges(Schedule(rates), depths, augmentations, objective or {}),
        **{f"head:{name}": range_ for name, range_ in (head or {}).items()},
    }
    return SearchSpace(within(ranges, bounds or {}, n_stages), {"pooled": n_stages})


@dataclass(frozen=True)
class Declared:
    """The attributes of an augmentation that a search space uses."""

    name: str
    widths: Range


SPACE = search_space(
    Range(1e-4, 3e-3, initial=1e-3, log=True),
    n_stages=5,
    initial_freeze_depth=2,
    augmentations=[
        Declared("time-shift", Range(0, 0.5, initial=0.3)),
        Declared("gain", Range(0, 12, 0)),
    ],
)
