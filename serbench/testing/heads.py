"""Requirements on every head, which turns features into logits."""

from __future__ import annotations

from unittest import SkipTest

import numpy as np
import torch

from serbench.model.head import FittedHead, Head, HeadContext
from serbench.model.ranges import Range
from serbench.testing.require import require, require_close, require_equal, require_members

_CLASSES, _WIDTH, _CLIPS = 3, 8, 90


def _separable(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Linearly separable vectors ``[n, D]`` of three emotions, and their codes."""
    random = np.random.default_rng(seed)
    targets = np.arange(_CLIPS) % _CLASSES
    centres = 4 * np.eye(_CLASSES, _WIDTH)
    features = centres[targets] + 0.3 * random.standard_normal((_CLIPS, _WIDTH))
    return features.astype(np.float32), targets.astype(np.int64)


def _fitted(head: Head) -> FittedHead:
    features, targets = _separable()
    initial = {name: range_.initial for name, range_ in head.ranges.items()}
    return head.fit(features, None, targets, HeadContext(_CLASSES, 0, initial))


def it_has_everything_a_head_needs(head: Head) -> None:
    """It has every attribute and method of ``Head``, with the arguments of each."""
    require_members(head, Head)


def its_ranges_include_their_initial_values(head: Head) -> None:
    """The initial value of each searched parameter lies in its range."""
    for name, range_ in head.ranges.items():
        require(isinstance(range_, Range), f"the range of {name} is a {type(range_).__name__}")
        require(range_.low <= range_.initial <= range_.high, f"{name} starts outside its range")


def it_classifies_separable_vectors(head: Head) -> None:
    """Fitted on separable vectors of three emotions, it classifies new ones."""
    features, targets = _separable(seed=1)
    logits = _fitted(head).logits(features, None)
    require(logits.shape == (_CLIPS, _CLASSES), f"the logits have shape {logits.shape}")
    require(bool(np.isfinite(logits).all()), "the logits are not finite")
    right = float((logits.argmax(axis=1) == targets).mean())
    require(right > 0.95, f"it classifies {100 * right:.0f} % of separable vectors")


def fitting_twice_gives_the_same_state(head: Head) -> None:
    """The same features and seed give the same state; torch's global generator is not used."""
    before = torch.get_rng_state()
    first, second = _fitted(head).arrays, _fitted(head).arrays
    require_equal(torch.get_rng_state(), before, "it draws from torch's global generator")
    require(first.keys() == second.keys(), "after a second fit its arrays have other names")
    for name, values in first.items():
        require(np.array_equal(values, second[name]), f"after a second fit {name} differs")


def its_arrays_are_named_and_finite(head: Head) -> None:
    """Its state consists of named arrays of finite numbers."""
    arrays = _fitted(head).arrays
    require(len(arrays) > 0, "it has no state")
    for name, values in arrays.items():
        require(isinstance(values, np.ndarray), f"{name} is a {type(values).__name__}")
        require(bool(np.isfinite(values.astype(np.float64)).all()), f"{name} is not finite")


def its_module_gives_the_same_logits(head: Head) -> None:
    """Where a fitted head has a torch module, both give the same logits."""
    fitted, (features, _) = _fitted(head), _separable(seed=1)
    module = fitted.module()
    if module is None:
        raise SkipTest("a fitted head of this kind has no torch module")
    with torch.inference_mode():
        found = module.eval()(torch.from_numpy(features))
    expected = torch.from_numpy(fitted.logits(features, None))
    require_close(found, expected, "module and head differ")


def its_module_gives_logits_and_passes_gradients(head: Head) -> None:
    """A module turns vectors ``[B, width]`` into logits, and all its parameters get gradients."""
    module = head.module(_WIDTH, _CLASSES, None, {})
    if module is None:
        raise SkipTest("this head is fitted on frozen features only")
    logits = module(torch.randn(4, _WIDTH, generator=torch.Generator().manual_seed(0)))
    require(tuple(logits.shape) == (4, _CLASSES), f"the logits have shape {tuple(logits.shape)}")
    torch.autograd.backward(logits.square().mean())
    reached = all(each.grad is not None for each in module.parameters())
    require(reached, "some of its parameters get no gradient")
