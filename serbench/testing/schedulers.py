"""Requirements on every scheduler: an optimiser and the schedule of its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from serbench.model.ranges import Range
from serbench.model.schedule import Scheduler
from serbench.testing.require import require, require_equal, require_members

_RATE = 2e-3


def _rates(scheduler: Scheduler, steps: int, rate: float = _RATE) -> list[float]:
    """The learning rate at each of ``steps`` batches, and after the last one."""
    weight = nn.Parameter(torch.ones(1, 2))
    optimizer, schedule = scheduler.build([weight], rate, steps)
    rates = [float(optimizer.param_groups[0]["lr"])]
    for _ in range(steps):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        schedule.step()
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def it_has_everything_a_scheduler_needs(scheduler: Scheduler) -> None:
    """It has every attribute and method of ``Scheduler``, with the arguments of each."""
    require_members(scheduler, Scheduler)


def its_range_is_positive_and_includes_its_initial_rate(scheduler: Scheduler) -> None:
    """The range of learning rates is positive and includes the initial value."""
    rates = scheduler.learning_rates
    require(isinstance(rates, Range), f"learning_rates is a {type(rates).__name__}, not a Range")
    require(0 < rates.low <= rates.high, f"the range is {rates.low} to {rates.high}")
    require(rates.low <= rates.initial <= rates.high, f"{rates.initial} is outside the range")


def its_range_of_weight_decay_includes_its_initial_value(scheduler: Scheduler) -> None:
    """The range of weight decays is not negative and includes the initial value."""
    decays = scheduler.weight_decays
    require(isinstance(decays, Range), f"weight_decays is a {type(decays).__name__}, not a Range")
    require(0 <= decays.low <= decays.high, f"the range is {decays.low} to {decays.high}")
    require(decays.low <= decays.initial <= decays.high, f"{decays.initial} is outside the range")


def weight_decay_makes_weights_smaller(scheduler: Scheduler) -> None:
    """Without a gradient, weight decay makes weights smaller, and 0 leaves them unchanged."""
    for decay in (0.0, scheduler.weight_decays.high or 0.1):
        weight = nn.Parameter(torch.ones(2))
        optimizer, schedule = scheduler.build([weight], scheduler.learning_rates.high, 20, decay)
        for _ in range(20):
            weight.grad = torch.zeros(2)
            optimizer.step()
            schedule.step()
        smaller = bool((weight.detach() < 1).all())
        require(smaller == (decay > 0), f"weight decay {decay:g} makes a weight {weight[0]:g}")


def it_builds_an_optimiser_and_its_schedule(scheduler: Scheduler) -> None:
    """``build`` returns a PyTorch optimiser and the schedule of this optimiser."""
    optimizer, schedule = scheduler.build(nn.Linear(2, 1).parameters(), _RATE, 3)
    require(isinstance(optimizer, Optimizer), "the first object is not an Optimizer")
    require(isinstance(schedule, LRScheduler), "the second object is not an LRScheduler")
    require(schedule.optimizer is optimizer, "the schedule belongs to another optimiser")


def any_number_of_steps_works(scheduler: Scheduler) -> None:
    """For any number of batches the schedule ends without an error, with valid rates."""
    for steps in (1, 2, 3, 4, 5, 10, 97):
        rates = _rates(scheduler, steps)
        sound = all(math.isfinite(rate) and 0 <= rate <= _RATE * (1 + 1e-9) for rate in rates)
        require(sound, f"in {steps} steps a rate is below 0 or above the requested one")
        require(max(rates[:-1]) > 0, f"in {steps} steps every rate is 0")


def the_requested_rate_is_the_highest(scheduler: Scheduler) -> None:
    """The highest rate is the requested one, to within a hundredth."""
    highest = max(_rates(scheduler, 300)[:-1])
    require(
        math.isclose(highest, _RATE, rel_tol=0.01),
        f"in 300 steps the highest rate is {highest:g}; {_RATE:g} was requested",
    )


def the_last_rate_is_the_lowest_after_the_peak(scheduler: Scheduler) -> None:
    """After the highest rate, no rate is lower than the last one."""
    rates = _rates(scheduler, 300)[:-1]
    after_peak = rates[rates.index(max(rates)) :]
    lowest = min(after_peak)
    require(
        rates[-1] <= lowest * (1 + 1e-9),
        f"in 300 steps the last rate is {rates[-1]:g}, an earlier one {lowest:g}",
    )


def twice_the_rate_doubles_every_rate(scheduler: Scheduler) -> None:
    """The requested rate scales the whole schedule."""
    once, twice = _rates(scheduler, 50), _rates(scheduler, 50, 2 * _RATE)
    same = all(
        math.isclose(2 * one, two, rel_tol=1e-6, abs_tol=1e-12)
        for one, two in zip(once, twice, strict=True)
    )
    require(same, "twice the requested rate does not double every rate")


def two_builds_give_the_same_schedule(scheduler: Scheduler) -> None:
    """Two schedules built one after the other are equal."""
    require(_rates(scheduler, 20) == _rates(scheduler, 20), "the second schedule differs")


def the_optimiser_has_exactly_the_given_parameters(scheduler: Scheduler) -> None:
    """The optimiser has all given parameters and no others, for a list and for an iterator."""
    layer = nn.Linear(2, 1)
    for given in (list(layer.parameters()), layer.parameters()):
        optimizer, _ = scheduler.build(given, _RATE, 3)
        held = {id(each) for group in optimizer.param_groups for each in group["params"]}
        wanted = {id(each) for each in layer.parameters()}
        require(held == wanted, f"it has {len(held)} parameters, {len(wanted)} were given")


def steps_bring_a_parameter_nearer_to_its_optimum(scheduler: Scheduler) -> None:
    """At the initial rate, 300 steps bring a parameter nearer to its optimum."""
    weight, start = nn.Parameter(torch.ones(2)), torch.ones(2)
    optimizer, schedule = scheduler.build([weight], scheduler.learning_rates.initial, 300)
    require_equal(weight.detach(), start, "building the optimiser changes the parameters")
    for _ in range(300):
        weight.grad = 2 * weight.detach()  # gradient of the square
        optimizer.step()
        schedule.step()
    nearer = bool((weight.detach().abs() < start).all())
    require(nearer, "after 300 steps the parameters are no nearer to the optimum")
