"""A runtime that gives other logits than PyTorch is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from serbench.deploy.parity import PARITY, checks, difference, require_parity
from serbench.errors import ExportError
from serbench.model.deployable import Recording

SAMPLES = 600


class Network:
    """The largest sample and the length as logits, times ``scale``."""

    input_samples, input_rate = SAMPLES, 16_000

    def __init__(self, scale=1.0):
        self.scale = scale

    def recording(self, sound):
        return Recording(sound[None], torch.tensor([len(sound)]))

    def __call__(self, waveform, valid_samples):
        logits = torch.stack([waveform.amax(1), valid_samples / SAMPLES], dim=1)
        return SimpleNamespace(logits=self.scale * logits)


def runnable(network, changed):
    """The same network as a runnable, whose logits ``changed`` gets."""
    return lambda recording: changed(recording, network(*recording).logits.numpy().copy())


def test_the_recordings_include_silence_and_short_ones():
    found = checks(Network())
    assert all(each.waveform.shape == (1, SAMPLES) for each in found)
    assert any(not each.waveform.any() for each in found)
    assert {int(each.valid_samples) for each in found} == {SAMPLES, SAMPLES // 3}


def test_the_logits_of_pytorch_have_parity():
    network = Network()
    same = runnable(network, lambda recording, logits: logits)
    require_parity(network, same, "exact", 1)
    assert difference(network, same) == (0.0, 1.0)


def test_a_fault_with_whole_recordings_only_is_found():
    """OpenVINO 2026.4 has one in recurrent layers."""
    network = Network()

    def wrong(recording, logits):
        return logits + (int(recording.valid_samples) == SAMPLES)

    with pytest.raises(ExportError) as raised:
        require_parity(network, runnable(network, wrong), "wrong", 3)
    assert raised.value.facts == {"entry": 3, "runtime": "wrong", "difference": pytest.approx(1.0)}


@pytest.mark.parametrize("scale", [0.01, 1, 1000])
def test_the_allowed_difference_grows_with_the_largest_logit_above_one(scale):
    network, allowed = Network(scale), PARITY * max(1, scale)

    def moved(by):
        return runnable(network, lambda recording, logits: logits + np.float32(by))

    require_parity(network, moved(0.8 * allowed), "near", 1)
    with pytest.raises(ExportError):
        require_parity(network, moved(1.2 * allowed), "far", 1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_no_numbers_have_no_parity(wrong):
    network = Network()
    with pytest.raises(ExportError):
        require_parity(network, runnable(network, lambda *_: np.array([[wrong, 1.0]])), "nan", 1)
