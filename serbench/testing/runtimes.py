"""Requirements on every runtime: the same logits as the network in PyTorch.

The network of these checks has what converters most often compile wrongly in silence: a level over
the valid samples, padding by reflection, a Fourier transform, a mean and a deviation over time.
"""

from __future__ import annotations

from functools import cache
from unittest import SkipTest

import numpy as np
import torch
from torch import Tensor, nn

from serbench.data.clips import ClipFormat
from serbench.errors import MissingPackageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.frontend import FrontEndModule
from serbench.model.network import EmotionNetwork
from serbench.model.runtime import FRONT_END, NETWORK, Runnable, Runtime
from serbench.model.spectrum import PowerSpectrum
from serbench.testing.require import require, require_close, require_members

_FORMAT, _CLASSES = ClipFormat(8000, 0.4), 5


class _Spectrogram(FrontEndModule):
    """Waveforms ``[B, 3200]`` as images ``[B, 1, 129, 24]``, standardised over time."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = PowerSpectrum(torch.hann_window(200), 256, 128, centred=False)

    def forward(self, waveform: Tensor) -> Tensor:
        energy = torch.log1p(1e6 * self.spectrum(waveform))  # exactly 0 in silence
        mean = energy.mean(dim=2, keepdim=True)
        deviation = energy.std(dim=2, keepdim=True)
        return ((energy - mean) / (deviation + 0.1)).unsqueeze(1)


@cache
def _network() -> Deployable:
    """A small network with fixed weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = nn.Sequential(
            *(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, groups=2)),
            *(nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 16), nn.GELU()),
        )
        network = EmotionNetwork(_Spectrogram(), body, nn.Linear(16, _CLASSES)).eval()
    return Deployable(network, _FORMAT, temperature=1.5)


def _recordings() -> list[Recording]:
    """Tones of several pitches and lengths, and digital silence."""
    seconds = torch.arange(_FORMAT.samples) / _FORMAT.sample_rate
    tones = [torch.sin(2 * torch.pi * 200 * k * seconds) * 0.01 * k for k in range(1, 9)]
    lengths = [_FORMAT.samples // max(1, k % 4) for k in range(1, 9)]
    silence = Recording(torch.zeros(1, _FORMAT.samples), torch.tensor([_FORMAT.samples]))
    return [
        *(
            Recording(tone.unsqueeze(0), torch.tensor([length]))
            for tone, length in zip(tones, lengths, strict=True)
        ),
        silence,
    ]


def _prepared(runtime: Runtime) -> Runnable:
    try:
        return runtime.prepare(_network(), _recordings(), 1)
    except MissingPackageError as error:
        raise SkipTest(str(error)) from error


def it_has_everything_a_runtime_needs(runtime: Runtime) -> None:
    """It has every attribute and method of ``Runtime``, with the arguments of each."""
    require_members(runtime, Runtime)


def its_identity_names_precision_and_version(runtime: Runtime) -> None:
    """Its identity has a precision and a version."""
    try:
        identity = runtime.identity
    except MissingPackageError as error:
        raise SkipTest(str(error)) from error
    for name in ("precision", "version"):
        value = identity.get(name)
        require(isinstance(value, str) and bool(value), f"its {name} is {value!r}")


def it_gives_the_logits_of_the_network(runtime: Runtime) -> None:
    """Its logits are those of PyTorch: to 1e-4, or nearly if the runtime changes them.

    A runtime that changes logits gives a mean difference of at most a tenth of their range.
    """
    runnable = _prepared(runtime)
    for recording in _recordings():
        answers = runnable(recording)
        require(isinstance(answers, np.ndarray), f"the logits are a {type(answers).__name__}")
        require(answers.shape == (1, _CLASSES), f"the logits have shape {answers.shape}")
        with torch.inference_mode():
            expected = _network()(*recording).logits
        found = torch.from_numpy(answers)
        if not runtime.changes_logits:
            require_close(found, expected, "its logits are not the network's")
            continue
        error = float((found - expected).abs().mean() / (expected.max() - expected.min()))
        require(error < 0.1, f"its logits differ from the network's by {error:.0%} of their range")


def its_logits_are_not_random(runtime: Runtime) -> None:
    """Two calls with the same recording give the same logits."""
    runnable, recording = _prepared(runtime), _recordings()[0]
    same = np.array_equal(runnable(recording), runnable(recording))
    require(same, "two calls give different logits")


def padding_is_of_no_effect(runtime: Runtime) -> None:
    """Samples behind the valid ones do not change the logits."""
    runnable = _prepared(runtime)
    recording = next(each for each in _recordings() if each.valid_samples < _FORMAT.samples)
    noisy = recording.waveform.clone()
    noisy[:, int(recording.valid_samples) :] = 0.5
    same = np.array_equal(runnable(recording), runnable(recording._replace(waveform=noisy)))
    require(same, "samples after the end of a recording change its logits")


def its_parts_can_be_called(runtime: Runtime) -> None:
    """Each part that can be timed is callable, and named ``front_end`` or ``network``."""
    for name, call in _prepared(runtime).parts(_recordings()[0]).items():
        require(name in (FRONT_END, NETWORK), f"a part is named '{name}'")
        call()


def its_file_is_an_onnx_graph_of_a_recording(runtime: Runtime) -> None:
    """If it makes files, they have a recording's inputs and the answer's outputs."""
    file = _prepared(runtime).file
    made = file is not None
    require(made == runtime.makes_files, f"makes_files is {runtime.makes_files}, not {made}")
    if file is None:
        return
    import onnx

    graph = onnx.load_from_string(file).graph
    inputs, outputs = ([each.name for each in side] for side in (graph.input, graph.output))
    require(inputs == ["waveform", "valid_samples"], f"the inputs of its file are {inputs}")
    wanted = ["logits", "probabilities", "features"]
    require(outputs == wanted, f"the outputs of its file are {outputs}, not {wanted}")
