"""The search space: what plugins declare, in Optuna's terms, and the initial values in it."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making.frozen import TwoLayers, plugins_with
from making.scripted import is_in, make_search
from making.spaces import SPACE, Declared, search_space
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from serbench.errors import UsageError
from serbench.model.ranges import Choice, Range
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.search.space import SearchSpace, space_of


def test_every_parameter_has_its_interval():
    assert SPACE.distributions() == {
        "readout": CategoricalDistribution(("pooled",)),
        "learning_rate": FloatDistribution(1e-4, 3e-3, log=True),
        "weight_decay": FloatDistribution(0, 0.3),
        "freeze_depth": IntDistribution(0, 5),
        "width:time-shift": FloatDistribution(0, 0.5),
        "width:gain": FloatDistribution(0, 12),
    }


def test_the_initial_values_are_those_that_each_part_declares():
    assert SPACE.initial() == {
        "readout": "pooled",
        "learning_rate": 1e-3,
        "weight_decay": 0,
        "freeze_depth": 2,
        "width:time-shift": 0.3,
        "width:gain": 0,
    }


def test_the_initial_values_lie_in_the_space():
    distributions = SPACE.distributions()
    assert SPACE.initial().keys() == distributions.keys()
    for name, value in SPACE.initial().items():
        assert is_in(distributions[name], value), name


def test_a_configuration_is_read_from_flat_parameters():
    configuration = Configuration.from_parameters(SPACE.initial())
    assert configuration == Configuration("pooled", 1e-3, 0.0, 2, {"time-shift": 0.3, "gain": 0.0})
    assert isinstance(configuration.freeze_depth, int)
    assert isinstance(configuration.widths["gain"], float)


@given(
    st.floats(1e-6, 1),
    st.integers(0, 50),
    st.dictionaries(st.text("abc-:", min_size=1), st.floats(0, 1)),
)
def test_parameters_are_read_back_from_a_configuration(learning_rate, freeze_depth, widths):
    flat = {
        "readout": "1-3/mean",
        "learning_rate": learning_rate,
        "weight_decay": 0.1,
        "freeze_depth": freeze_depth,
    }
    flat |= {f"width:{name}": width for name, width in widths.items()}
    assert Configuration.from_parameters(flat) == Configuration(
        "1-3/mean", learning_rate, 0.1, freeze_depth, widths
    )


def test_a_network_that_cannot_be_frozen_has_only_depth_0():
    space = search_space(Range(1e-4, 1e-2, 1e-3, log=True), 0, 0, [])
    assert space.distributions()["freeze_depth"] == IntDistribution(0, 0)
    assert space.initial() == {
        "readout": "pooled",
        "learning_rate": 1e-3,
        "weight_decay": 0,
        "freeze_depth": 0,
    }


@pytest.mark.parametrize("schedule", ["half-cycle", "one-cycle"])
def test_the_built_in_plugins_start_from_the_papers_values(schedule):
    plugins = Plugins()
    space = search_space(
        plugins.schedulers.get(schedule).learning_rates, 4, 0, list(plugins.augmentations)
    )
    assert space.initial() == {
        "readout": "pooled",
        "learning_rate": 1e-3,
        "weight_decay": 0,
        "freeze_depth": 0,
        "width:time-shift": 0.3,
        "width:frequency-mask": 0.1,
        "width:time-mask": 0.1,
        "width:gain": 0,
        "width:noise": 0,
        "width:octave-gain": 0,
        "width:time-window": 0,
    }


def test_optuna_draws_configurations_from_it():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [
        Configuration.from_parameters(study.ask(SPACE.distributions()).params) for _ in range(200)
    ]
    assert {configuration.freeze_depth for configuration in drawn} == set(range(6))
    rates = sorted(configuration.learning_rate for configuration in drawn)
    assert rates[0] >= 1e-4
    assert rates[-1] <= 3e-3
    assert rates[100] == pytest.approx((1e-4 * 3e-3) ** 0.5, rel=0.3), "uniform on a log scale"


STEPS = st.tuples(st.integers(0, 2**32 - 1), st.floats(1e-4, 3e-3), st.integers(0, 5))


@given(STEPS)
def test_a_step_moves_the_learning_rate_and_one_other_parameter_half_of_the_distance(step):
    seed, rate, depth = step
    start = SPACE.initial()
    drawn = {
        "readout": "all",
        "learning_rate": rate,
        "weight_decay": 0.2,
        "freeze_depth": depth,
        "width:time-shift": 0.1,
        "width:gain": 6.0,
    }
    stepped = SPACE.step(start, drawn, np.random.default_rng(seed))
    assert stepped["learning_rate"] == pytest.approx((1e-3 * rate) ** 0.5)
    assert stepped["readout"] == "pooled", "there is one read-out only"
    half = {
        "weight_decay": 0.1,
        "freeze_depth": (2 + depth) // 2,
        "width:time-shift": 0.2,
        "width:gain": 3.0,
    }
    moved = [name for name in half if stepped[name] != start[name]]
    assert len(moved) <= 1
    assert all(stepped[name] == pytest.approx(half[name]) for name in moved)
    for name, distribution in SPACE.distributions().items():
        assert is_in(distribution, stepped[name]), name


def test_a_step_does_not_change_fixed_parameters():
    fixed = search_space(
        Range(1e-3, 1e-3, initial=1e-3, log=True), 0, 0, [Declared("gain", Range(3, 3, 3))]
    )
    drawn = {**fixed.initial(), "weight_decay": 0.1}
    stepped = fixed.step(fixed.initial(), drawn, np.random.default_rng(0))
    assert stepped == {**fixed.initial(), "weight_decay": 0.05}


def test_every_parameter_is_changed_by_some_step():
    space = search_space(
        Range(1e-4, 3e-3, initial=1e-3, log=True),
        n_stages=5,
        initial_freeze_depth=2,
        augmentations=[
            Declared("time-shift", Range(0, 0.5, 0.3)),
            Declared("gain", Range(0, 12, 0)),
        ],
        readouts=("1-3/mean+std", "2/mean"),
    )
    drawn = {
        "readout": "2/mean",
        "learning_rate": 1e-4,
        "weight_decay": 0.2,
        "freeze_depth": 5,
        "width:time-shift": 0.1,
        "width:gain": 6.0,
    }
    moved = set()
    for seed in range(50):
        stepped = space.step(space.initial(), drawn, np.random.default_rng(seed))
        assert stepped["readout"] in ("1-3/mean+std", "2/mean")
        moved |= {name for name in stepped if stepped[name] != space.initial()[name]}
    assert moved == set(drawn)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_without_a_learning_rate_moves_two_of_the_other_parameters(seed):
    space = SearchSpace(
        {
            "readout": Choice(("1/mean", "2/mean")),
            "head:C": Range(1e-4, 1, 1e-2, log=True),
            "head:gamma": Range(0, 1, 0.5),
        },
        stages={"1/mean": 3, "2/mean": 4},
    )
    drawn = {"readout": "2/mean", "head:C": 1.0, "head:gamma": 1.0}
    stepped = space.step(space.initial(), drawn, np.random.default_rng(seed))
    half = {"readout": "2/mean", "head:C": pytest.approx(0.1), "head:gamma": 0.75}
    moved = [name for name in half if stepped[name] != space.initial()[name]]
    assert len(moved) == 2
    assert all(stepped[name] == half[name] for name in moved)


def test_parameters_of_objective_and_head_are_searched_after_the_widths():
    space = search_space(
        Range(1e-4, 3e-3, initial=1e-3, log=True),
        n_stages=2,
        initial_freeze_depth=1,
        augmentations=[Declared("gain", Range(0, 12, 0))],
        head={"decay": Range(1e-4, 1, 1e-2, log=True)},
        objective={"smoothing": Range(0, 0.3, 0.1)},
    )
    assert list(space.ranges) == [
        *("readout", "learning_rate", "weight_decay", "freeze_depth", "width:gain"),
        *("objective:smoothing", "head:decay"),
    ]
    assert space.distributions()["head:decay"] == FloatDistribution(1e-4, 1, log=True)
    assert Configuration.from_parameters(space.initial()) == Configuration(
        "pooled", 1e-3, 0.0, 1, {"gain": 0.0}, {"decay": 1e-2}, {"smoothing": 0.1}
    )
    drawn = {**space.initial(), "head:decay": 1.0, "objective:smoothing": 0.3}
    moved = set()
    for seed in range(30):
        stepped = space.step(space.initial(), drawn, np.random.default_rng(seed))
        moved |= {(name, stepped[name]) for name in drawn if stepped[name] != space.initial()[name]}
    assert dict(moved) == pytest.approx({"head:decay": 0.1, "objective:smoothing": 0.2})


class Still(TwoLayers):
    """A backbone whose stages are frozen unless the user gives other bounds."""

    def freeze_depths(self, module):
        stages = len(self.stages(module))
        return Range(stages, stages, stages)


@pytest.mark.parametrize(
    ("backbone", "bounds", "depths", "suffice"),
    [
        (TwoLayers(), {}, Range(0, 2, 2), False),
        (Still(), {}, Range(2, 2, 2), True),
        (Still(), {"freeze_depth": (0, 1)}, Range(0, 1, 1), False),
        (Still(), {"freeze_depth": (0, 99)}, Range(0, 2, 2), False),
    ],
)
def test_a_backbone_declares_its_freeze_depths_and_bounds_replace_them(
    backbone, bounds, depths, suffice
):
    space = two_layer_space(bounds=bounds, augmentations=(), views=0, network=backbone)
    assert space.ranges["freeze_depth"] == depths
    assert space.features_suffice is suffice


def two_layer_space(
    head="linear",
    bounds=None,
    augmentations=("gain", "time-shift"),
    network=None,
    **changes,
):
    plan = replace(
        make_search(protocol="speaker-2:holdout").plan,
        **{
            "backbone": "two-layers",
            "weights": "default",
            "readouts": ("all/mean", "1/mean"),
            "augmentations": augmentations,
            "views": 1,
            "head": head,
            "bounds": bounds or {},
            **changes,
        },
    )
    return space_of(plan, plugins_with(network or TwoLayers()), 3)


@pytest.mark.parametrize(
    ("head", "bounds"), [("logistic", {}), ("linear", {"freeze_depth": (99, 99)})]
)
def test_the_widths_of_views_are_fixed_above_0(head, bounds):
    given = {**bounds, "width:time-shift": (0.2, 0.2)}
    space = two_layer_space(head, given, ("gain", "time-shift", "time-mask"))
    widths = {name: each for name, each in space.ranges.items() if name.startswith("width:")}
    assert widths == {
        "width:gain": Range(6, 6, 6),
        "width:time-shift": Range(0.2, 0.2, 0.2),
        "width:time-mask": Range(0.1, 0.1, 0.1),
    }
    assert space.features_suffice


@pytest.mark.parametrize("bounds", [(0.1, 0.2), (0.0, 0.0)])
def test_a_searched_width_and_a_width_of_0_are_refused_for_views(bounds):
    with pytest.raises(UsageError) as refused:
        two_layer_space("logistic", {"width:time-shift": bounds})
    assert refused.value.facts == {"augmentation": "time-shift", "bounds": bounds}


@pytest.mark.parametrize(
    "changes",
    [
        {"bounds": {"freeze_depth": (1, 2)}},
        {"backbone": "homebrew", "weights": "none", "readouts": ("pooled",)},
    ],
)
def test_views_are_refused_where_features_cannot_be_kept(changes):
    with pytest.raises(UsageError) as refused:
        two_layer_space(**changes)
    assert refused.value.facts["views"] == 1


@pytest.mark.parametrize(
    ("readout", "depth", "everything"),
    [("1/mean", 1, False), ("1/mean", 2, True), ("1/mean", 3, True), ("2/mean", 2, False)],
)
def test_a_read_out_of_an_early_tap_is_frozen_by_fewer_stages(readout, depth, everything):
    space = SearchSpace(
        {"readout": Choice(("1/mean", "2/mean")), "learning_rate": Range(0, 1, 1)},
        stages={"1/mean": 2, "2/mean": 3},
    )
    configuration = Configuration(readout, 1e-3, freeze_depth=depth)
    assert space.freezes_everything(configuration) is everything
