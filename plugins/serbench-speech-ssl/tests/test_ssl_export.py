"""Exported encoders give the logits of PyTorch, also for short recordings."""

import pytest
import torch
from serbench_speech_ssl import Waveform
from tiny_backbones import TINY

from serbench.data.clips import ClipFormat
from serbench.model.deployable import Deployable
from serbench.model.network import EmotionNetwork
from serbench.model.readout import ReadOut
from serbench.plugins import Plugins
from serbench.testing.parity import parity_error


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wav2vec2_base", "wavlm_base", "distilhubert"])
def test_the_exported_file_gives_the_logits_of_pytorch(name):
    backbone, clips = TINY[name], ClipFormat(16_000, 2.0, "rms", "zeros")
    readout = ReadOut.parse(f"{backbone.taps[-1]}/mean+std", backbone.taps)
    torch.manual_seed(0)
    built = backbone.build("none", 6)
    head = torch.nn.Linear(readout.width(built.widths), 6)
    front_end = Waveform().build(clips, backbone.input_spec())
    network = EmotionNetwork(front_end, built.module, head, backbone, readout)
    assert parity_error(Deployable(network.eval(), clips)) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lu2020", "liu2023"])
def test_a_published_system_at_full_size_is_one_file(name):
    plugins = Plugins()
    backbone, clips = plugins.backbones.get(name), ClipFormat(16_000, 2.618, "rms", "zeros")
    readout = ReadOut.parse("all", backbone.taps)
    torch.manual_seed(0)
    built = backbone.build("none", 6)
    head = plugins.heads.get(backbone.head).module(readout.width(built.widths), 6, None, {})
    front_end = Waveform().build(clips, backbone.input_spec())
    network = EmotionNetwork(front_end, built.module, head, backbone, readout)
    assert parity_error(Deployable(network.eval(), clips)) < 1e-4
