"""Requirements on every head, which turns features into logits."""

from __future__ import annotations

from collections.abc import Mapping
from unittest import SkipTest

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from serbench.errors import DivergedError, WeightsError
from serbench.model.head import ABSENT, Head, HeadContext, arrays_of
from serbench.model.ranges import Range
from serbench.testing.onnx import onnx_logits
from serbench.testing.require import require, require_close, require_equal, require_members

_CLASSES, _WIDTH, _CLIPS, _FRAMES, _SPEAKERS = 3, 8, 90, 5, 6
_STEPS, _RATE = 300, 0.01


def _separable(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Linearly separable vectors ``[n, D]`` of three emotions, and their codes."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.arange(_CLIPS) % _CLASSES
    noise = 0.3 * torch.randn(_CLIPS, _WIDTH, generator=random)
    return 4 * torch.eye(_CLASSES, _WIDTH)[targets] + noise, targets


def _inputs(head: Head, n_clips: int = 4) -> Tensor:
    """Random vectors ``[n, D]``, or frames ``[n, T, D]`` for a head that takes frames."""
    shape = (n_clips, _FRAMES, _WIDTH) if head.takes_frames else (n_clips, _WIDTH)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _initial(head: Head) -> Mapping[str, float]:
    return {name: range_.initial for name, range_ in head.ranges.items()}


def _drawn(head: Head, parameters: Mapping[str, float] | None = None, seed: int = 0) -> nn.Module:
    """A module with random weights; torch's global generator is left unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return head.module(_WIDTH, _CLASSES, None, parameters or _initial(head))


def _fitted(head: Head, parameters: Mapping[str, float] | None = None) -> nn.Module:
    """A head fitted on separable vectors of some speakers.

    Raises:
        SkipTest: it is trained by gradient descent.
    """
    if not head.is_fitted:
        raise SkipTest("this head is trained by gradient descent")
    features, targets = _separable()
    return head.fit(features.numpy(), targets.numpy(), _context(parameters or _initial(head)))


def _context(parameters: Mapping[str, float]) -> HeadContext:
    speakers: npt.NDArray[np.int64] = np.arange(_CLIPS) // (_CLIPS // _SPEAKERS)
    return HeadContext(_CLASSES, speakers, 0, parameters)


def _logits(module: nn.Module, *inputs: Tensor) -> Tensor:
    """Output in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        logits: Tensor = module(*inputs)
    return logits


def _require_three(logits: Tensor, n_clips: int, of: str) -> None:
    shape = tuple(logits.shape)
    require(shape == (n_clips, _CLASSES), f"the logits of {of} have shape {shape}")
    require(bool(logits.isfinite().all()), f"the logits of {of} are not finite")


def it_has_everything_a_head_needs(head: Head) -> None:
    """It has every attribute and method of ``Head``, with the arguments of each."""
    require_members(head, Head)
    both = head.is_fitted and head.takes_frames
    require(not both, "it is fitted and takes frames: fitted heads receive vectors only")


def its_ranges_include_their_initial_values(head: Head) -> None:
    """The initial value of each searched parameter lies in its range."""
    for name, range_ in head.ranges.items():
        require(isinstance(range_, Range), f"the range of {name} is a {type(range_).__name__}")
        require(range_.low <= range_.initial <= range_.high, f"{name} starts outside its range")


def its_module_gives_finite_logits(head: Head) -> None:
    """A module turns a batch, also a batch of one clip, into logits ``[B, n_classes]``."""
    for n_clips in (4, 1):
        logits = _logits(_drawn(head), _inputs(head, n_clips))
        _require_three(logits, n_clips, f"{n_clips} clips")


def the_limits_of_its_ranges_are_possible(head: Head) -> None:
    """Modules and fitted heads give finite logits at both ends of each range."""
    for name, range_ in head.ranges.items():
        for value in (range_.low, range_.high):
            parameters = {**_initial(head), name: value}
            module = _drawn(head, parameters)
            _require_three(_logits(module, _inputs(head)), 4, f"{name} = {value:g}")
            if head.is_fitted:
                logits = _logits(_fitted(head, parameters), _separable()[0])
                _require_three(logits, _CLIPS, f"{name} = {value:g}")


def torchs_seed_determines_its_module(head: Head) -> None:
    """The random weights of a module depend on the seed of torch and on nothing else."""
    first, again, other = (arrays_of(_drawn(head, seed=seed)) for seed in (3, 3, 4))
    _require_same(first, again, "modules of the same seed differ")
    different = any(not np.array_equal(first[name], other[name]) for name in first)
    require(different, "modules of different seeds are equal")


def its_module_can_be_restored(head: Head) -> None:
    """``restored`` gives a module with the same logits, for arrays of any parameters."""
    for parameters in (_initial(head), {name: each.high for name, each in head.ranges.items()}):
        _require_restorable(head, _drawn(head, parameters), _inputs(head))


def a_fitted_module_can_be_restored(head: Head) -> None:
    """``restored`` gives a module with the same logits as the fitted one."""
    _require_restorable(head, _fitted(head), _separable(seed=1)[0])


def _require_restorable(head: Head, module: nn.Module, inputs: Tensor) -> None:
    arrays = arrays_of(module)
    require(len(arrays) > 0, "it has no state")
    for name, values in arrays.items():
        finite = bool(np.isfinite(values.astype(np.float64)).all())
        require(finite, f"its array {name} is not finite")
    again = head.restored(_WIDTH, _CLASSES, arrays)
    _require_same(arrays, arrays_of(again), "the arrays of the restored module differ")
    same = _logits(module, inputs)
    require_equal(_logits(again, inputs), same, "the logits of the restored module differ")


def _require_same(
    first: Mapping[str, npt.NDArray[np.generic]],
    second: Mapping[str, npt.NDArray[np.generic]],
    otherwise: str,
) -> None:
    require(first.keys() == second.keys(), f"{otherwise}: they have other names")
    for name, values in first.items():
        require(np.array_equal(values, second[name]), f"{otherwise}: {name}")


def other_arrays_are_refused(head: Head) -> None:
    """``restored`` raises `WeightsError` for missing arrays, further ones or another width."""
    module = _fitted(head) if head.is_fitted else _drawn(head)
    arrays = arrays_of(module)
    extra = {**arrays, "of another head": np.zeros(2, np.float32)}
    for width, wrong in ((_WIDTH, {}), (_WIDTH, extra), (_WIDTH + 1, arrays)):
        try:
            head.restored(width, _CLASSES, wrong)
        except WeightsError:
            continue
        raise AssertionError("it accepts arrays that do not fit: use serbench's load_arrays")


def it_learns_by_gradient_descent(head: Head) -> None:
    """All parameters get gradients, and Adam trains it to classify separable vectors."""
    if head.is_fitted:
        raise SkipTest("this head is fitted")
    module = _drawn(head)
    features, targets = _separable()
    optimizer = torch.optim.Adam(module.parameters(), lr=_RATE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module.train()
        for _ in range(_STEPS):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(module(_as_taken(head, features)), targets))
            reached = all(each.grad is not None for each in module.parameters())
            require(reached, "some of its parameters get no gradient")
            optimizer.step()
    features, targets = _separable(seed=1)
    _require_right(_logits(module, _as_taken(head, features)), targets)


def _as_taken(head: Head, features: Tensor) -> Tensor:
    """Vectors; for a head that takes frames, the vector of a clip in every frame."""
    return features.unsqueeze(1).repeat(1, _FRAMES, 1) if head.takes_frames else features


def _require_right(logits: Tensor, targets: Tensor) -> None:
    _require_three(logits, len(targets), "separable vectors")
    right = float((logits.argmax(dim=1) == targets).float().mean())
    require(right > 0.95, f"it classifies {100 * right:.0f} % of separable vectors")


def fitted_it_classifies_separable_vectors(head: Head) -> None:
    """Fitted on separable vectors of three emotions, it classifies new ones."""
    features, targets = _separable(seed=1)
    _require_right(_logits(_fitted(head), features), targets)


def fitting_twice_gives_the_same_arrays(head: Head) -> None:
    """The same features and seed give the same arrays; torch's global generator is not used."""
    before = torch.get_rng_state()
    first, second = arrays_of(_fitted(head)), arrays_of(_fitted(head))
    require_equal(torch.get_rng_state(), before, "it draws from torch's global generator")
    _require_same(first, second, "after a second fit its arrays differ")


def an_emotion_without_clips_is_not_predicted(head: Head) -> None:
    """Where training clips have none of an emotion, its logit is finite and low."""
    if not head.is_fitted:
        raise SkipTest("this head is trained by gradient descent")
    features, targets = _separable()
    context = _context(_initial(head))
    for present in ([0, 2], [1]):
        rows = torch.isin(targets, torch.tensor(present))
        for speakers in (context.speakers[rows.numpy()], np.zeros(int(rows.sum()), np.int64)):
            own = HeadContext(_CLASSES, speakers, 0, context.parameters)
            module = head.fit(features[rows].numpy(), targets[rows].numpy(), own)
            logits = _logits(module, features)
            _require_three(logits, _CLIPS, "a head without clips of an emotion")
            absent = [code for code in range(_CLASSES) if code not in present]
            lag = float((logits.amax(dim=1, keepdim=True) - logits[:, absent]).min())
            require(
                lag >= ABSENT - 1e-3,
                f"the logit of an emotion without clips is only {lag:.2g} below the largest one",
            )


def constant_features_are_ignored(head: Head) -> None:
    """A feature with one value in all clips changes nothing by more than rounding."""
    if not head.is_fitted:
        raise SkipTest("this head is trained by gradient descent")
    features, targets = _separable()
    features[:, -1] = 1e4 / 3
    module = head.fit(features.numpy(), targets.numpy(), _context(_initial(head)))
    _require_right(_logits(module, features), targets)


def features_that_are_not_finite_are_refused(head: Head) -> None:
    """Fitting raises `DivergedError` where a feature is NaN or infinite."""
    if not head.is_fitted:
        raise SkipTest("this head is trained by gradient descent")
    for wrong in (float("nan"), float("inf")):
        features, targets = _separable()
        features[1, 1] = wrong
        try:
            head.fit(features.numpy(), targets.numpy(), _context(_initial(head)))
        except DivergedError:
            continue
        raise AssertionError(f"it is fitted on features with {wrong}: require_finite_features")


def padding_changes_nothing(head: Head) -> None:
    """Frames after the length of a clip have no effect, and None stands for full lengths."""
    if not head.takes_frames:
        raise SkipTest("this head takes vectors")
    module, frames = _drawn(head), _inputs(head, n_clips=3)
    full = torch.full((3,), _FRAMES)
    whole = _logits(module, frames)
    require_close(_logits(module, frames, full), whole, "full lengths change the logits")
    lengths = torch.tensor([1, 3, _FRAMES])
    changed = frames.clone()
    changed[0, 1:], changed[1, 3:] = 100.0, -100.0
    padded = _logits(module, changed, lengths)
    require_close(_logits(module, frames, lengths), padded, "padding changes the logits")
    for row, length in enumerate(lengths.tolist()):
        alone = _logits(module, frames[row : row + 1, :length])
        require_close(padded[row : row + 1], alone, "padding changes the logits")


def it_exports_to_onnx(head: Head) -> None:
    """ONNX Runtime computes the logits of the exported module, fitted where it can be."""
    module = _fitted(head) if head.is_fitted else _drawn(head)
    inputs = _inputs(head)
    expected = _logits(module, inputs)
    require_close(onnx_logits(module, inputs), expected, "ONNX Runtime gives other logits")
