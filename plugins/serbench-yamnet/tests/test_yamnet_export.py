"""An exported network gives the logits of PyTorch."""

import torch

from serbench.data.clips import ClipFormat
from serbench.model.deployable import Deployable
from serbench.model.network import EmotionNetwork
from serbench.plugins import Plugins
from serbench.testing.parity import parity_error


def test_the_exported_file_gives_the_logits_of_pytorch():
    plugins, clips = Plugins(), ClipFormat(16_000, 2.618, "rms", "reflect")
    backbone = plugins.backbones.get("yamnet")
    front_end = plugins.front_ends.get("yamnet").build(clips, backbone.input_spec())
    torch.manual_seed(0)
    built = backbone.build("none", 6)
    head = torch.nn.Linear(built.widths["pooled"], 6)
    network = EmotionNetwork(front_end, built.module, head, backbone).eval()
    assert parity_error(Deployable(network, clips)) < 1e-4
