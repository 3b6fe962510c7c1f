"""The runtime openvino: the logits of PyTorch, whole and in parts."""

import sys

import numpy as np
import pytest
import torch
from serbench_openvino import OpenVino, compiled
from torch import nn

from serbench.data.clips import ClipFormat
from serbench.errors import ExportError, MissingPackageError
from serbench.model.deployable import Deployable
from serbench.model.frontend import FrontEndModule
from serbench.model.network import EmotionNetwork
from serbench.model.onnx_graph import split
from serbench.plugins import Plugins
from serbench.testing import contract


@pytest.mark.parametrize("check", contract("runtime"), ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check):
    check(OpenVino())


def test_it_is_registered():
    assert Plugins().runtimes.get("openvino") == OpenVino()


class Energy(FrontEndModule):
    """The energy of quarters of a clip, as an image of one row."""

    def forward(self, waveform):
        return waveform.unfold(1, 100, 100).square().mean(2)[:, None, None]


class Outside(Energy):
    outside = "The image is the energy of each quarter."


def network(front_end):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU())
    whole = EmotionNetwork(front_end, body, nn.Linear(8, 3)).eval()
    return Deployable(whole, ClipFormat(400, 1.0))


@pytest.mark.parametrize("front_end", [Energy, Outside])
def test_its_parts_are_timed_and_the_file_can_be_used_again(front_end):
    made = network(front_end())
    first = OpenVino().prepare(made, [], 1)
    again = OpenVino().prepare(made, [], 1, first.file)
    recording = made.recording()
    with torch.inference_mode():
        expected = made(*recording).logits.numpy()
    np.testing.assert_allclose(again(recording), expected, atol=1e-5)
    assert list(first.parts(recording)) == ["front_end", "network"]
    assert all(part() is not None for part in first.parts(recording).values())
    assert (split(first.file).front_end is None) == (front_end is Outside)


def test_a_file_that_it_cannot_compile_is_an_error():
    with pytest.raises(ExportError):
        compiled(b"no graph", 1)


def test_without_its_package_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    for act in (lambda: OpenVino().identity, lambda: compiled(b"no graph", 1)):
        with pytest.raises(MissingPackageError) as raised:
            act()
        assert raised.value.facts == {"package": "openvino"}
