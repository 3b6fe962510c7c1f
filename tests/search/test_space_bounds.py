"""Bounds that a user gives for searched parameters, and what they leave to be searched."""

from dataclasses import replace

import pytest
from making.spaces import Declared, search_space
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from serbench.errors import UnknownNameError, UsageError
from serbench.model.ranges import Choice, Range
from serbench.search.space import SearchSpace


def bounded(**bounds):
    return search_space(
        Range(1e-4, 3e-3, initial=1e-3, log=True),
        n_stages=5,
        initial_freeze_depth=2,
        augmentations=[Declared("gain", Range(0, 12, 0))],
        bounds={name.replace("__", ":"): value for name, value in bounds.items()},
    )


def test_bounds_replace_what_plugins_declare():
    space = bounded(learning_rate=(2e-4, 5e-4), freeze_depth=(0, 1), width__gain=(3.0, 3.0))
    assert space.distributions() == {
        "readout": CategoricalDistribution(("pooled",)),
        "learning_rate": FloatDistribution(2e-4, 5e-4, log=True),
        "weight_decay": FloatDistribution(0, 0.3),
        "freeze_depth": IntDistribution(0, 1),
        "width:gain": FloatDistribution(3, 3),
    }


def test_an_initial_value_moves_to_the_nearer_bound():
    space = bounded(learning_rate=(2e-4, 5e-4), freeze_depth=(3, 4), width__gain=(3.0, 6.0))
    assert space.initial() == {
        "readout": "pooled",
        "learning_rate": 5e-4,
        "weight_decay": 0,
        "freeze_depth": 3,
        "width:gain": 3,
    }


def test_depths_beyond_the_last_stage_freeze_all_stages():
    assert bounded(freeze_depth=(7, 9)).distributions()["freeze_depth"] == IntDistribution(5, 5)


def test_bounds_of_the_learning_rate_may_exceed_the_declared_range():
    assert bounded(learning_rate=(1e-6, 1e-2)).initial()["learning_rate"] == 1e-3


@pytest.mark.parametrize("interval", [(0.0, 13.0), (-1.0, 12.0)])
def test_bounds_wider_than_a_plugin_allows_are_refused(interval):
    with pytest.raises(UsageError) as refused:
        bounded(width__gain=interval)
    assert refused.value.facts == {"parameter": "width:gain", "bounds": interval}


def test_the_readout_has_no_bounds():
    with pytest.raises(UnknownNameError):
        bounded(readout=(0.0, 1.0))


def test_bounds_of_an_augmentation_that_is_not_searched_are_refused():
    with pytest.raises(UnknownNameError) as refused:
        bounded(width__noise=(0.0, 1.0))
    assert refused.value.name == "width:noise"


@pytest.mark.parametrize(
    ("changes", "suffice"),
    [
        ({}, True),
        ({"freeze_depth": Range(1, 2, 2)}, False),
        ({"width:gain": Range(0, 12, 0)}, False),
        ({"width:gain": Range(0, 0, 0)}, True),
    ],
)
def test_features_suffice_where_no_configuration_changes_what_is_below_the_head(changes, suffice):
    ranges = {"learning_rate": Range(0, 1, 1), "freeze_depth": Range(2, 2, 2), **changes}
    space = SearchSpace({"readout": Choice(("1/mean",)), **ranges}, stages={"1/mean": 2})
    assert space.features_suffice is suffice
    assert not replace(space, mixed=True).features_suffice
