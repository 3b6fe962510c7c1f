"""Every registered scheduler keeps its contract, and the built-in ones take their courses."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from serbench.plugins import Plugins
from serbench.testing import contract

SCHEDULERS = {scheduler.name: scheduler for scheduler in Plugins().schedulers}
RATE = 2e-3


def course(name, steps, rate=RATE):
    """The learning rate at each of ``steps`` batches, and the one after the last."""
    layer = nn.Linear(2, 1)
    optimizer, schedule = SCHEDULERS[name].build(layer.parameters(), rate, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        schedule.step()
    return rates, optimizer.param_groups[0]["lr"]


def test_the_built_in_ones_are_there():
    assert {"half-cycle", "one-cycle", "cosine", "constant"} <= set(SCHEDULERS)


@pytest.mark.parametrize("check", contract("scheduler"))
@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_contract_is_kept(name, check):
    check(SCHEDULERS[name])


@pytest.mark.parametrize("name", ["half-cycle", "one-cycle", "cosine", "constant"])
def test_learning_rates_are_searched_on_a_logarithmic_scale(name):
    assert SCHEDULERS[name].learning_rates.log


@pytest.mark.parametrize("name", ["half-cycle", "one-cycle", "cosine", "constant"])
def test_the_built_in_optimiser_is_adam(name):
    optimizer, _ = SCHEDULERS[name].build(nn.Linear(2, 1).parameters(), RATE, 3)
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    assert optimizer.param_groups[0]["weight_decay"] == 0, "without decay it is Adam"


@pytest.mark.parametrize("steps", [1, 4, 100])
def test_half_cycle_falls_in_a_straight_line_to_zero(steps):
    rates, after = course("half-cycle", steps)
    assert rates == pytest.approx([RATE * (1 - step / steps) for step in range(steps)])
    assert after == pytest.approx(0, abs=1e-9)


def test_one_cycle_rises_from_a_tenth_and_falls_again_in_straight_lines():
    rates, after = course("one-cycle", 1000)
    peak = rates.index(max(rates))
    assert rates[0] == pytest.approx(RATE / 10)
    assert peak == pytest.approx(300, abs=2)
    rise = [after - before for before, after in pairwise(rates[:peak])]
    fall = [after - before for before, after in pairwise(rates[peak + 1 :])]
    assert min(rise) == pytest.approx(max(rise))
    assert min(rise) > 0
    assert min(fall) == pytest.approx(max(fall))
    assert max(fall) < 0
    assert after < rates[-1] < RATE / 100


def test_one_cycle_leaves_momentum_alone():
    layer = nn.Linear(2, 1)
    optimizer, schedule = SCHEDULERS["one-cycle"].build(layer.parameters(), RATE, 10)
    for _ in range(10):
        optimizer.step()
        schedule.step()
        assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)


def test_cosine_falls_along_half_a_cosine():
    rates, after = course("cosine", 40)
    assert rates == pytest.approx(
        [RATE * (1 + math.cos(math.pi * step / 40)) / 2 for step in range(40)]
    )
    assert after == pytest.approx(0, abs=1e-9)


def test_constant_stays():
    rates, after = course("constant", 20)
    assert {*rates, after} == {RATE}


def test_the_papers_rate_is_a_thousandth():
    assert SCHEDULERS["half-cycle"].learning_rates.initial == 1e-3
    assert SCHEDULERS["one-cycle"].learning_rates.initial == 1e-3
