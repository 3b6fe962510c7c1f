"""Requirements on every objective: a loss that is lower for correct predictions."""

from __future__ import annotations

import torch
from torch import Tensor

from serbench.model.objective import Objective, PreparedObjective
from serbench.model.ranges import Range
from serbench.testing.require import require, require_equal, require_members

_CLASSES, _CLIPS = 4, 8


def _targets() -> Tensor:
    return torch.arange(_CLIPS) % _CLASSES


def _prepared(objective: Objective) -> PreparedObjective:
    initial = {name: range_.initial for name, range_ in objective.ranges.items()}
    return objective.prepare(_targets(), _CLASSES, initial)


def _batch(objective: Objective) -> Tensor:
    shape = (_CLIPS, 400) if objective.acts_on == "waveform" else (_CLIPS, 1, 16, 20)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _mixed(objective: Objective, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return _prepared(objective).mix(_batch(objective), _targets(), generator)


def it_has_everything_an_objective_needs(objective: Objective) -> None:
    """It has every attribute and method of ``Objective``, with the arguments of each."""
    require_members(objective, Objective)


def it_acts_on_waveforms_or_on_features(objective: Objective) -> None:
    """``acts_on`` is ``waveform``, ``features`` or None; for None, ``mix`` changes nothing."""
    acts_on = objective.acts_on
    require(
        acts_on in ("waveform", "features", None),
        f"acts_on is {acts_on!r}, not 'waveform', 'features' or None",
    )


def its_ranges_include_their_initial_values(objective: Objective) -> None:
    """The initial value of each searched parameter lies in its range."""
    for name, range_ in objective.ranges.items():
        require(isinstance(range_, Range), f"the range of {name} is a {type(range_).__name__}")
        require(range_.low <= range_.initial <= range_.high, f"{name} starts outside its range")


def correct_predictions_have_a_lower_loss(objective: Objective) -> None:
    """The loss is a finite scalar, is lower for correct predictions, and has gradients."""
    prepared, (_, targets) = _prepared(objective), _mixed(objective)
    codes = targets if targets.dim() == 1 else targets.argmax(dim=1)
    right = 5 * torch.nn.functional.one_hot(codes, _CLASSES).float()
    right.requires_grad_(True)
    wrong = right.detach().roll(1, dims=1)
    good, bad = prepared.loss(right, targets), prepared.loss(wrong, targets)
    require(good.dim() == 0, f"the loss has {good.dim()} axes: it must be a scalar")
    require(bool(torch.isfinite(good + bad)), "the loss is not finite")
    torch.autograd.backward(good)
    costs = float(good.detach()), float(bad)
    require(costs[0] < costs[1], f"the loss is {costs[0]:.2g} if correct, {costs[1]:.2g} if wrong")
    require(right.grad is not None, "the logits get no gradient")


def mixing_keeps_shapes(objective: Objective) -> None:
    """A mixed batch has the shape of the batch, and a target for each clip."""
    batch, targets = _mixed(objective)
    require(batch.shape == _batch(objective).shape, f"the batch gets shape {tuple(batch.shape)}")
    allowed = ((_CLIPS,), (_CLIPS, _CLASSES))
    require(tuple(targets.shape) in allowed, f"the targets get shape {tuple(targets.shape)}")


def an_objective_that_does_not_act_mixes_nothing(objective: Objective) -> None:
    """Where ``acts_on`` is None, ``mix`` returns the batch and the codes unchanged."""
    if objective.acts_on is None:
        batch, targets = _mixed(objective)
        require_equal(batch, _batch(objective), "it changes the batch although acts_on is None")
        require_equal(targets, _targets(), "it changes the targets although acts_on is None")


def the_seed_determines_what_is_mixed(objective: Objective) -> None:
    """The same seed gives the same mixed batch, and torch's global generator is not used."""
    before = torch.get_rng_state()
    (first, codes), (second, others) = _mixed(objective), _mixed(objective)
    require_equal(torch.get_rng_state(), before, "it draws from torch's global generator")
    require_equal(first, second, "one seed gives two batches")
    require_equal(codes, others, "one seed gives two sets of targets")


def the_batch_is_not_changed(objective: Objective) -> None:
    """It works on a copy of the batch."""
    batch = _batch(objective)
    before = batch.clone()
    _prepared(objective).mix(batch, _targets(), torch.Generator().manual_seed(0))
    require_equal(batch, before, "it changes its input: work on a copy")
