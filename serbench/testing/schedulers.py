"""What every scheduler promises: an optimiser, and a learning rate that takes its course."""

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
    """The learning rate at each of ``steps`` batches, and the one after the last."""
    weight = nn.Parameter(torch.ones(1, 2))
    optimizer, course = scheduler.build([weight], rate, steps)
    rates = [float(optimizer.param_groups[0]["lr"])]
    for _ in range(steps):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        course.step()
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def it_has_everything_a_scheduler_needs(scheduler: Scheduler) -> None:
    """Every attribute and method of ``Scheduler`` is there and takes its arguments."""
    require_members(scheduler, Scheduler)


def its_range_is_positive_and_holds_the_papers_rate(scheduler: Scheduler) -> None:
    """The rates to search are positive, in order, and the first to be tried is among them."""
    rates = scheduler.learning_rates
    require(isinstance(rates, Range), f"learning_rates is a {type(rates).__name__}, not a Range")
    require(0 < rates.low <= rates.high, f"the range is from {rates.low} to {rates.high}")
    require(
        rates.low <= rates.initial <= rates.high, f"{rates.initial} is tried first, out of range"
    )


def it_builds_an_optimiser_and_its_course(scheduler: Scheduler) -> None:
    """What is built is one of PyTorch's optimisers and a course that steers this very one."""
    optimizer, course = scheduler.build(nn.Linear(2, 1).parameters(), _RATE, 3)
    require(isinstance(optimizer, Optimizer), "the first of what is built is no Optimizer")
    require(isinstance(course, LRScheduler), "the second of what is built is no LRScheduler")
    require(course.optimizer is optimizer, "the course steers another optimiser")


def any_number_of_steps_runs_through(scheduler: Scheduler) -> None:
    """From one batch to many, the course ends without an error, and is never out of bounds."""
    for steps in (1, 2, 3, 4, 5, 10, 97):
        rates = _rates(scheduler, steps)
        sound = all(math.isfinite(rate) and 0 <= rate <= _RATE * (1 + 1e-9) for rate in rates)
        require(sound, f"of {steps} steps, one has a rate below 0 or above the one asked for")
        require(max(rates[:-1]) > 0, f"in {steps} steps nothing is ever learnt")


def the_rate_asked_for_is_the_highest_of_the_course(scheduler: Scheduler) -> None:
    """The course peaks at the rate asked for, to within a hundredth."""
    highest = max(_rates(scheduler, 300)[:-1])
    require(
        math.isclose(highest, _RATE, rel_tol=0.01),
        f"of 300 steps the highest rate is {highest:g}; {_RATE:g} was asked for",
    )


def the_course_ends_at_its_lowest_after_its_peak(scheduler: Scheduler) -> None:
    """Once it has peaked, no rate is lower than the last one: training ends settling down."""
    rates = _rates(scheduler, 300)[:-1]
    after_peak = rates[rates.index(max(rates)) :]
    lowest = min(after_peak)
    require(
        rates[-1] <= lowest * (1 + 1e-9),
        f"of 300 steps the last has rate {rates[-1]:g}, an earlier one {lowest:g}",
    )


def twice_the_rate_is_the_same_course_twice_as_high(scheduler: Scheduler) -> None:
    """The rate asked for scales the whole course, so that searching it means something."""
    once, twice = _rates(scheduler, 50), _rates(scheduler, 50, 2 * _RATE)
    same = all(
        math.isclose(2 * one, two, rel_tol=1e-6, abs_tol=1e-12)
        for one, two in zip(once, twice, strict=True)
    )
    require(same, "asked for twice the rate, the course is not twice as high everywhere")


def each_build_starts_afresh(scheduler: Scheduler) -> None:
    """Two courses built one after the other are the same: nothing is kept in between."""
    require(_rates(scheduler, 20) == _rates(scheduler, 20), "the second course differs")


def exactly_the_parameters_given_are_learnt(scheduler: Scheduler) -> None:
    """The optimiser holds the parameters it is given, be they a list or an iterator."""
    layer = nn.Linear(2, 1)
    for given in (list(layer.parameters()), layer.parameters()):
        optimizer, _ = scheduler.build(given, _RATE, 3)
        held = {id(each) for group in optimizer.param_groups for each in group["params"]}
        wanted = {id(each) for each in layer.parameters()}
        require(held == wanted, f"{len(held)} parameters are held, {len(wanted)} were given")


def a_step_moves_the_parameters_down_the_gradient(scheduler: Scheduler) -> None:
    """At the paper's rate a few hundred steps bring a parameter nearer to its optimum."""
    weight, start = nn.Parameter(torch.ones(2)), torch.ones(2)
    optimizer, course = scheduler.build([weight], scheduler.learning_rates.initial, 300)
    require_equal(weight.detach(), start, "building the optimiser already changes the parameters")
    for _ in range(300):
        weight.grad = 2 * weight.detach()  # of the square
        optimizer.step()
        course.step()
    nearer = bool((weight.detach().abs() < start).all())
    require(nearer, "after 300 steps the parameters are no nearer to the optimum")
