"""Requirements on every runtime: the same logits as the network in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from serbench.model.network import EmotionNetwork
from serbench.model.runtime import Runnable, Runtime
from serbench.testing.require import require, require_close, require_members

_SAMPLES, _CLASSES = 400, 5


class _Fold(nn.Module):
    """Waveforms ``[B, 400]`` as images ``[B, 1, 20, 20]``."""

    def forward(self, waveform: Tensor) -> Tensor:
        return waveform.reshape(-1, 1, 20, 20)


def _network() -> EmotionNetwork:
    """A small network with fixed weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return EmotionNetwork(_Fold(), body, nn.Linear(4, _CLASSES)).eval()


def _waveforms(n_clips: int) -> Tensor:
    return torch.randn(n_clips, _SAMPLES, generator=torch.Generator().manual_seed(1))


def _prepared(runtime: Runtime) -> Runnable:
    clips = [_waveforms(4)[place : place + 1] for place in range(4)]
    return runtime.prepare(_network(), _waveforms(1), clips)


def it_has_everything_a_runtime_needs(runtime: Runtime) -> None:
    """It has every attribute and method of ``Runtime``, with the arguments of each."""
    require_members(runtime, Runtime)


def its_identity_names_precision_and_version(runtime: Runtime) -> None:
    """Its identity has a precision and a version."""
    for name in ("precision", "version"):
        value = runtime.identity.get(name)
        require(isinstance(value, str) and bool(value), f"its {name} is {value!r}")


def it_gives_the_logits_of_the_network(runtime: Runtime) -> None:
    """One waveform becomes one row of logits, equal to those of the network to a thousandth."""
    waveforms = _waveforms(1)
    answers = _prepared(runtime)(waveforms)
    require(isinstance(answers, np.ndarray), f"the logits are a {type(answers).__name__}")
    require(answers.shape == (1, _CLASSES), f"the logits have shape {answers.shape}")
    with torch.inference_mode():
        expected = _network()(waveforms)
    require_close(torch.from_numpy(answers), expected, "its logits are not the network's")


def its_logits_are_not_random(runtime: Runtime) -> None:
    """Two calls with the same waveform give the same logits."""
    runnable, waveforms = _prepared(runtime), _waveforms(1)
    same = np.array_equal(runnable(waveforms), runnable(waveforms))
    require(same, "two calls give different logits")


def its_parts_can_be_called(runtime: Runtime) -> None:
    """Each part that can be timed is callable, and named ``front_end`` or ``network``."""
    for name, call in _prepared(runtime).parts(_waveforms(1)).items():
        require(name in ("front_end", "network"), f"a part is named '{name}'")
        call()
